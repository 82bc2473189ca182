"""Drawing: what must be seen on the image, and a video that browsers play."""
from pathlib import Path

import av
import numpy as np
import pytest
from browser import document
from browser import needs_chromium

from deepsort_ros.mot.history import read_history
from deepsort_ros.mot.rendering import draw_tracks
from deepsort_ros.mot.rendering import draw_truth
from deepsort_ros.mot.rendering import track_color
from deepsort_ros.mot.rendering import Trails
from deepsort_ros.mot.sequence import open_sequence
from deepsort_ros.mot.table import read_table
from deepsort_ros.mot.table import TableKind
from deepsort_ros.mot.video import label
from deepsort_ros.mot.video import render
from deepsort_ros.mot.video import VideoWriter
from deepsort_ros.tracking import TrackState

BOX = (100, 80, 120, 160)


def canvas() -> np.ndarray:
    return np.full((300, 400, 3), 90, dtype=np.uint8)


def drawn(state: TrackState, box=BOX, label: str = '') -> np.ndarray:
    """Return (H, W) bool: pixels that differ from the empty image."""
    return (draw_tracks(canvas(), [1], [state], [box], [label]) != 90).any(axis=2)


def share_of_left_edge(state: TrackState) -> float:
    return float(drawn(state)[90:230, 100].mean())


def test_a_confirmed_box_is_closed_in_the_colour_of_its_id() -> None:
    image = draw_tracks(canvas(), [1], [TrackState.CONFIRMED], [BOX], [''])
    for y, x in ((80, 160), (240, 160), (160, 100), (160, 220)):
        np.testing.assert_allclose(image[y, x].astype(int), track_color(1), atol=25)
    assert share_of_left_edge(TrackState.CONFIRMED) == 1.0
    assert not drawn(TrackState.CONFIRMED)[100:220, 120:200].any()


def test_a_lost_box_is_dashed_and_a_tentative_one_thin() -> None:
    assert 0.3 < share_of_left_edge(TrackState.LOST) < 0.8
    wide = np.zeros((900, 900, 3), dtype=np.uint8)
    inked = {state: np.count_nonzero(draw_tracks(wide, [1], [state], [(100, 100, 500, 500)], ['']))
             for state in TrackState}
    assert inked[TrackState.TENTATIVE] < 0.7 * inked[TrackState.CONFIRMED]


def test_the_image_itself_stays_as_it_is() -> None:
    image = canvas()
    draw_tracks(image, [1], [TrackState.CONFIRMED], [BOX])
    draw_truth(image, [BOX])
    assert (image == 90).all()


def test_a_label_is_drawn_inside_the_image_also_where_its_box_leaves_it() -> None:
    plain = drawn(TrackState.CONFIRMED, (-50, -30, 100, 100))
    labelled = drawn(TrackState.CONFIRMED, (-50, -30, 100, 100), '17 person 0.9')
    assert np.count_nonzero(labelled[:30, :60] & ~plain[:30, :60]) > 300


@pytest.mark.parametrize('box', [
    (np.nan, 0, 10, 10), (0, 0, np.inf, 10), (1e12, 1e12, 10, 10), (-1e9, -1e9, 3e9, 3e9),
    (5, 5, 0, 0)])
@pytest.mark.parametrize('state', list(TrackState))
def test_no_box_is_too_odd_to_draw(box, state: TrackState) -> None:
    draw_tracks(canvas(), [1], [state], [box], ['1'])


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match='2 ids, 1 states, 1 boxes'):
        draw_tracks(canvas(), [1, 2], [2], [BOX])


def test_colours_of_neighbouring_ids_are_far_apart_and_stable() -> None:
    colors = np.array([track_color(number) for number in range(1, 101)], dtype=float)
    for step in range(1, 14):
        assert np.linalg.norm(colors[step:] - colors[:-step], axis=1).min() > 50
    assert track_color(7) == track_color(7)


def test_trails_follow_the_feet_and_are_forgotten() -> None:
    trails = Trails(3)
    for step in range(5):
        points = trails.update([4], [(10.0 * step, 0, 20, 50)])
    assert points[4].tolist() == [[30, 50], [40, 50], [50, 50]]
    for _ in range(3):
        assert trails.update([], np.empty((0, 4))) == {}
    assert trails.update([4], [(0, 0, 2, 2)])[4].tolist() == [[1, 2]]
    image = draw_tracks(canvas(), [4], [TrackState.CONFIRMED], [(300, 200, 20, 50)], [''],
                        {4: np.array([[50.0, 50.0], [200.0, 50.0]])})
    assert (image[50, 60:190] != 90).any(axis=1).all()


def test_a_rendered_video_is_h264_420_with_its_index_first(
        sequence_folder: Path, tmp_path: Path) -> None:
    results = read_history(sequence_folder / 'gt' / 'gt.txt')
    truth = read_table(sequence_folder / 'gt' / 'gt.txt', TableKind.TRUTH)
    output = tmp_path / 'new' / 'out.mp4'
    done = []
    summary = render(open_sequence(sequence_folder), results, output, truth=truth,
                     progress=lambda count, total: done.append((count, total)))
    assert (summary.frames, summary.frame_rate) == (12, 10.0)
    assert done[-1] == (12, 12)
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ('h264', 'yuv420p')
        assert float(stream.average_rate) == 10.0
        frames = [frame.to_ndarray(format='bgr24') for frame in container.decode(stream)]
    assert len(frames) == 12
    # The box of frame 6 is where the truth has it: left edge at x = 34, y 20 to 70.
    assert np.abs(frames[5][30:60, 33:36].astype(int) - 96).max() > 60
    content = output.read_bytes()
    assert content.find(b'moov') < content.find(b'mdat')
    assert list(output.parent.iterdir()) == [output]


@needs_chromium
def test_a_browser_decodes_a_rendered_video(sequence_folder: Path, tmp_path: Path) -> None:
    results = read_history(sequence_folder / 'gt' / 'gt.txt')
    render(open_sequence(sequence_folder), results, tmp_path / 'v.mp4')
    (tmp_path / 'v.html').write_text("""<!DOCTYPE html>
        <title>waiting</title><video id="video" preload="auto" src="v.mp4"></video><script>
        video.onerror = () => { document.title = 'error ' + video.error.message }
        video.onloadeddata = () => {  // the first frame is decoded; a page is not loaded before
            document.title = `shows ${video.videoWidth} x ${video.videoHeight}` }
        </script>""")
    assert '<title>shows 160 x 120</title>' in document(tmp_path / 'v.html', tmp_path)[0]


def test_a_history_is_drawn_with_its_states_and_scores(
        sequence_folder: Path, tmp_path: Path) -> None:
    rows = [f'{frame},1,{state},20,30,100,80,0.5,0,,,\n'
            for frame, state in enumerate(('tentative', 'confirmed', 'lost'), 1)]
    (tmp_path / 'h.csv').write_text(
        '# deepsort history {"motion": 9.4877, "appearance": 0.2, "overlap": 0.7}\n'
        'frame,id,state,left,top,width,height,score,detection,motion,appearance,overlap\n'
        + ''.join(rows))
    render(open_sequence(sequence_folder), read_history(tmp_path / 'h.csv'), tmp_path / 'v.mp4',
           trail=0)
    with av.open(str(tmp_path / 'v.mp4')) as container:
        frames = [frame.to_ndarray(format='bgr24') for frame in container.decode(video=0)]
    inked = [np.count_nonzero(np.abs(frames[i][105:114].astype(int) - 91 - i).max(axis=2) > 40)
             for i in range(3)]
    # The lower edge: one pixel thin, two pixels, two pixels with gaps.
    assert inked[0] < 0.8 * inked[1] and inked[2] < 0.8 * inked[1] and min(inked) > 20
    assert (label(7, 0.514), label(7, 117.9), label(7, np.nan)) == ('7 0.51', '7 118', '7')


def test_a_video_of_odd_or_too_wide_images_gets_even_reduced_sizes(tmp_path: Path) -> None:
    for width, expected in ((0, (100, 50)), (50, (50, 24))):
        with VideoWriter(tmp_path / 'v.mp4', 29.97, max_width=width) as writer:
            for _ in range(2):
                writer.write(np.zeros((51, 101, 3), dtype=np.uint8))
        with av.open(str(tmp_path / 'v.mp4')) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == expected


def test_a_failed_video_leaves_no_file(sequence_folder: Path, tmp_path: Path) -> None:
    results = read_history(sequence_folder / 'gt' / 'gt.txt')
    before = set(tmp_path.iterdir())

    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(open_sequence(sequence_folder), results, tmp_path / 'out.mp4',
               progress=interrupt)
    assert set(tmp_path.iterdir()) == before
