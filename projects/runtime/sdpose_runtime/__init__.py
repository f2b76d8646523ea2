"""Exported models on photos and video, with NumPy, OpenCV and ONNX Runtime alone.

Example::

    from sdpose_runtime import PoseModel

    model = PoseModel()  # the one that comes with the package; PoseModel('sdpose-t.onnx'): yours
    people = model(cv2.imread('photo.jpg'), [[10, 20, 110, 320]])
    people.keypoints, people.scores  # (P, K, 2) in pixels of the photo, (P, K)

Neither PyTorch nor MMEngine nor MMPose is imported. ``sdpose-runtime --help`` is the command line, also
as ``python -m sdpose_runtime``.
"""

try:
    from .box_file import BoxFile
    from .boxes import Boxes, WholeImage
    from .detector import Detector
    from .drawing import draw_people
    from .model_file import ModelInfo
    from .people import People
    from .pose_model import PoseModel, Stopwatch
except ModuleNotFoundError as error:
    raise ImportError(
        f'{__name__} needs NumPy and OpenCV ({error}): pip install "mmpose_sdpose[runtime]"',
        name=__name__,
    ) from error

__all__ = [
    'BoxFile',
    'Boxes',
    'Detector',
    'ModelInfo',
    'People',
    'PoseModel',
    'Stopwatch',
    'WholeImage',
    'draw_people',
]
