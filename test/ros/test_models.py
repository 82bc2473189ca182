"""Models of other kinds in the live node, on other engines, with their faults."""
import json
import os

import live
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from small_models import KINDS
from small_models import model_of
from small_models import random_model
from small_models import WITHOUT_ENGINES
from std_srvs.srv import Trigger
from test_loading import lines

from deepsort_ros.reid.encoder import Encoder

BOX = (10.0, 10, 30, 30)
LIMIT = 0.31


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)


def features(tracking):
    """Return the feature the node publishes of one box."""
    array, = tracking.track(1, boxes=(BOX,), image=picture())
    return np.array([track.feature for track in array.tracks])


def test_onnx_runtime_runs_the_bundled_network_without_mindspore(start_node, graph, tmp_path):
    # Computed first: a node that no image reaches for seconds warns, as it should.
    expected = Encoder.create('bundled', 'CPU', batch_buckets=(1,)).encode(
        picture(), np.array([BOX]))
    # Importing MindSpore fails.
    (tmp_path / 'mindspore.py').write_text('raise SystemExit("imported")')
    path = f'{tmp_path}{os.pathsep}{live.ROOT}'
    node = start_node(engine='onnxruntime', device='CPU', n_init=1, publish_features='true',
                      changes={'PYTHONPATH': path})
    node.wait_for('active: device CPU')
    tracking = live.Tracking(graph)
    found = features(tracking)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    values = tracking.values('appearance')
    assert values['engine'] == 'onnxruntime' and float(values['max_cosine_distance']) > 0
    assert lines(node, 'WARN', 'ERROR', 'FATAL') == []


@pytest.mark.parametrize('names', [(), ('front', 'rear')], ids=['one camera', 'two cameras'])
@pytest.mark.parametrize('kind', KINDS)
def test_the_node_takes_models_of_any_kind_and_cameras_share_them(
        start_node, graph, tmp_path, kind, names):
    model = model_of(kind, tmp_path, max_cosine_distance=LIMIT)
    engine, size, length = KINDS[kind]
    node = start_node(model=model, device='CPU', batch_buckets='[1]',
                      cameras=f'[{", ".join(names)}]' if names else "['']",
                      n_init=1, publish_features='true', appearance='on_demand',
                      appearance_interval=1)
    node.wait_for(f'[{"rear." if names else ""}tracker]: active: device CPU')
    # What is exported gives the features of the network it is of, on any engine.
    same = str(model) if size.startswith('256') else 'bundled'
    expected = Encoder.create(same, 'CPU', batch_buckets=(1,)).encode(picture(), np.array([BOX]))
    for name in names or ('',):
        tracking = live.Tracking(graph, f'/{name}' if name else '')
        features(tracking)
        found = features(tracking)
        assert found.shape == (1, length)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
        values = tracking.values('appearance')
        assert (values['engine'], values['input']) == (engine, size)
        assert (values['feature_size'], values['max_cosine_distance']) == (
            str(length), str(LIMIT))
    loads = [line for line in node.log().splitlines()
             if 'loading the appearance network' in line and 'so far' not in line]
    assert len(loads) == 1


@pytest.mark.parametrize('fault', ['package', 'description'])
def test_a_model_that_cannot_run_is_told_once_and_tracked_without(
        start_node, graph, tmp_path, fault):
    model = random_model(tmp_path / 'mine.onnx')
    hidden = tmp_path / 'hidden'
    hidden.mkdir()
    says = '"pip install onnxruntime"'
    if fault == 'package':
        (hidden / 'onnxruntime.py').write_text('raise ImportError("no libonnxruntime.so")')
    else:
        (tmp_path / 'mine.json').write_text(json.dumps({'height': 100}))
        says = 'shape (N, 3, 256, 128) has height 256, its description says 100'
    node = start_node(model=model, device='CPU', n_init=1,
                      changes={'PYTHONPATH': f'{hidden}{os.pathsep}{live.ROOT}'})
    node.wait_for('active: by motion and overlap alone')
    error, = lines(node, 'ERROR', 'FATAL')
    assert says in error
    tracking = live.Tracking(graph)
    assert len(tracking.track()[0].tracks) == 1
    status = tracking.status('appearance')
    assert status.level == DiagnosticStatus.ERROR and says in status.message
    assert 'Traceback' not in node.log()
    if fault == 'description':
        (tmp_path / 'mine.json').unlink()
        assert graph.call(Trigger, '/tracker/reset', Trigger.Request()).success
        node.wait_for('the appearance network is loaded')
        tracking.track(2)
        assert tracking.status('appearance').level == DiagnosticStatus.OK


def test_a_model_that_a_device_loses_is_loaded_again(tmp_path, domain, graph):
    model, fault = random_model(tmp_path / 'mine.onnx'), tmp_path / 'fault'
    node = live.NodeProcess(
        tmp_path, domain, program=(str(live.ROOT / 'test' / 'ros' / 'failing_node.py'),),
        changes={'FAULT': str(fault)}, model=model, n_init=1)
    try:
        node.wait_for('active: device CPU')
        tracking = live.Tracking(graph)
        before, = tracking.track()
        fault.write_text('lost')
        lost, = tracking.track()
        assert [t.id for t in lost.tracks] == [t.id for t in before.tracks] != []
        assert tracking.status('appearance').level == DiagnosticStatus.ERROR
        fault.unlink()
        assert graph.call(Trigger, '/tracker/reset', Trigger.Request()).success
        tracking.track()
        node.wait_for('the appearance network works again')
    finally:
        node.stop()


def test_without_any_engine_the_node_tracks_by_motion_and_names_what_to_install(
        start_node, graph):
    node = start_node(program=('-c', WITHOUT_ENGINES + 'from deepsort_ros.ros.main import main\n'
                               'sys.exit(main())'), appearance='off', n_init=1)
    node.wait_for('active: appearance off')
    tracking = live.Tracking(graph)
    assert len(tracking.track(3)[-1].tracks) == 1
    assert lines(node, 'WARN', 'ERROR', 'FATAL') == []
    request = SetParameters.Request(
        parameters=[Parameter('appearance', value='always').to_parameter_msg()])
    assert graph.call(SetParameters, '/tracker/set_parameters', request).results[0].successful
    node.wait_for('tracking by motion and overlap alone')
    error, = lines(node, 'ERROR', 'FATAL')
    assert '"pip install mindspore", or "pip install onnxruntime"' in error
    assert len(tracking.track()[0].tracks) == 1
    assert node.stop() == 0
