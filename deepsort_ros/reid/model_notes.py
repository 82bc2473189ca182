"""Write what was measured about a model where it is read from again."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from deepsort_ros.reid.files import resolve
from deepsort_ros.reid.model import beside
from deepsort_ros.reid.model import ONNX
from deepsort_ros.reid.model import read_description
from deepsort_ros.reid.onnx_file import read_onnx
from deepsort_ros.reid.onnx_file import write_metadata
from deepsort_ros.reid.onnx_graph import METADATA_KEY


def note(model: str, **values: Any) -> Path:
    """
    Write values into the metadata of an ONNX file, or else into the file beside the model.

    Entries that exist already stay; a file beside an ONNX model, which wins over its metadata,
    is written to when there is one.

    :param model: as the setting; :param values: some of :data:`deepsort_ros.reid.model.KEYS`.
    :returns: the file written.
    :raises ModelError: what is there already cannot be read.
    :raises OSError: it cannot be written.
    """
    path = resolve(model)
    notes = beside(path)
    if path.suffix == ONNX and not notes.is_file():
        said = read_onnx(path).metadata.get(METADATA_KEY, '{}')
        merged = {**read_description(said, f'{path}: metadata {METADATA_KEY}'), **values}
        write_metadata(path, METADATA_KEY, json.dumps(merged))
        return path
    said = notes.read_text(encoding='utf-8') if notes.is_file() else '{}'
    merged = {**read_description(said, str(notes)), **values}
    partial = notes.with_name(f'.{notes.stem}.{os.getpid()}.json')
    try:
        partial.write_text(json.dumps(merged, indent=2) + '\n', encoding='utf-8')
        os.replace(partial, notes)
    finally:
        partial.unlink(missing_ok=True)
    return notes
