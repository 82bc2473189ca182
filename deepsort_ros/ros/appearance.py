"""The appearance network as the node sees it: loaded, off, or failed and why."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepsort_ros.pipeline import Pipeline
from deepsort_ros.settings import Settings


class Appearance:
    """
    Loads the network into a pipeline and remembers how that went.

    All methods but the properties run on the thread that also runs the pipeline.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        """Load nothing yet."""
        self._pipeline = pipeline
        self._encoder: Any = None
        self._load_error: str | None = None

    @property
    def error(self) -> str | None:
        """Why features are missing, None when nothing is wrong."""
        return self._load_error or self._pipeline.encoder_error

    def describe(self) -> dict[str, str]:
        """Return device, model and the like, for people."""
        if self._encoder is None:
            return {}
        return {name: str(value) for name, value in self._encoder.describe().items()}

    def needed(self, settings: Settings) -> bool:
        """Return whether the settings ask for features and there is no network yet."""
        return settings.appearance != 'off' and self._encoder is None

    def load(self, settings: Settings, progress: Callable[[str], None]) -> bool:
        """
        Load and compile the network if it is needed; False when it failed.

        Imports MindSpore here, on first use: that takes seconds, and `appearance: off` needs
        none of it.

        :param progress: called with a line of text before every long step; what it raises
            ends the loading.
        """
        if not self.needed(settings):
            return True
        progress(f'loading the appearance network ({settings.model})')
        try:
            from deepsort_ros.reid.encoder import Encoder

            encoder = Encoder.create(
                model=settings.model, device=settings.device, device_id=settings.device_id,
                precision=settings.precision, batch_buckets=settings.batch_buckets,
                color_order=settings.color_order)
            encoder.warm_up(progress)
        except Exception as error:  # noqa: B902 whatever a device or a file provokes
            self._load_error = f'{type(error).__name__}: {error}'
            return False
        self._encoder = encoder
        self._load_error = None
        self._pipeline.use_encoder(encoder)
        return True

    def unload(self) -> None:
        """Let go of the network."""
        self._encoder = None
        self._load_error = None
        self._pipeline.use_encoder(None)
