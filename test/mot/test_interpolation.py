"""Gaps in finished results are filled on a straight line."""
from pathlib import Path

import numpy as np

from deepsort_ros.cli import main
from deepsort_ros.mot.interpolation import interpolate
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import table_from_array
from deepsort_ros.mot.table import TableKind

ROWS = [[1, 7, 0, 0, 10, 20], [1, 8, 50, 50, 9, 9], [2, 8, 51, 50, 9, 9], [4, 7, 30, 6, 16, 26],
        [8, 8, 50, 50, 9, 9]]


def filled(longest: int) -> list[list[float]]:
    values = np.column_stack((ROWS, np.ones(len(ROWS))))
    table = interpolate(table_from_array(Path('x'), values, TableKind.RESULTS), longest)
    return np.column_stack((table.frame, table.id, table.tlwh)).tolist()


def test_boxes_between_lie_on_the_line() -> None:
    rows = filled(2)
    assert [2, 7, 10, 2, 12, 22] in rows and [3, 7, 20, 4, 14, 24] in rows
    assert len(rows) == len(ROWS) + 2
    assert all(row in rows for row in ROWS)
    assert rows == sorted(rows, key=lambda row: row[:2])


def test_longer_gaps_and_ends_stay_open() -> None:
    assert filled(1) == ROWS
    assert len(filled(5)) == len(ROWS) + 2 + 5
    assert max(row[0] for row in filled(100)) == 8


def test_the_command_fills_the_gaps_of_its_results(tmp_path: Path) -> None:
    folder = tmp_path / 'walk'
    (folder / 'det').mkdir(parents=True)
    (folder / 'seqinfo.ini').write_text(
        '[Sequence]\nname=walk\nframeRate=10\nseqLength=20\nimWidth=640\nimHeight=480\n')
    seen = [frame for frame in range(1, 21) if not 9 <= frame <= 13]
    (folder / 'det' / 'det.txt').write_text(''.join(
        f'{frame},-1,{100 + 4 * frame},100,40,100,0.9,-1,-1,-1\n' for frame in seen))
    rows = {}
    for gap in ('0', '5'):
        output = tmp_path / f'{gap}.txt'
        assert main(['track', str(folder), '--appearance', 'off', '--lost', 'none',
                     '--interpolate', gap, '--output', str(output)]) == 0
        table = read_table(output, TableKind.RESULTS)
        rows[gap] = dict(zip(table.frame.tolist(), table.tlwh.tolist()))
        assert len(set(table.id.tolist())) == 1
    assert sorted(rows['5'].keys() - rows['0'].keys()) == [9, 10, 11, 12, 13]
    np.testing.assert_allclose([rows['5'][11][0]], [144], atol=3)
