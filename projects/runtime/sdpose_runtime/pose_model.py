from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .decoding import decode_heatmaps, mirror_back_heatmaps, mirror_back_points
from .metadata_format import HEATMAPS, NORMALISED
from .model_file import OUTPUTS, read_info
from .preprocessing import Crops, checked_boxes, checked_image, crop_people
from .sessions import open_session, run_session
from .stopwatch import Stopwatch


@dataclass(frozen=True)
class PoseResult:
    """Poses of P people.

    Args:
        keypoints: (P, K, 2), image pixels.
        scores: (P, K); how sure the model is of each keypoint.
        areas: (P,), area of what was cut out for each person, square pixels.
    """

    keypoints: np.ndarray
    scores: np.ndarray
    areas: np.ndarray


class PoseModel:
    """A pose model from an ONNX file, as ``mim run mmpose_sdpose export_onnx`` writes it.

    Calling it takes three steps that can be taken one by one as well: :meth:`crop`, :meth:`infer`,
    :meth:`decode`. Its results are those of MMPose's test pipeline.

    Args:
        path: The file.
        threads: Threads for one operator; None: as many as ONNX Runtime finds good.
        providers: What it runs on, in order of preference; None: the CPU.
        max_batch: People in one run of the network, where the file leaves it open.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be run here, or says too little about itself.
    """

    def __init__(
        self,
        path: str | Path,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
        max_batch: int = 8,
    ) -> None:
        if max_batch < 1:
            raise ValueError(f'max_batch ({max_batch}) must be 1 or more')
        self.session = open_session(path, threads, providers)
        self.info = read_info(self.session.get_modelmeta().custom_metadata_map, path)
        self.output_names = OUTPUTS[self.info.output]
        missing = set(self.output_names) - {output.name for output in self.session.get_outputs()}
        if missing:
            raise ValueError(f'{path} has no output {", ".join(sorted(missing))}')
        batch = self.session.get_inputs()[0].shape[0]
        self.fixed_batch = batch if isinstance(batch, int) else None
        self.max_batch = self.fixed_batch or max_batch
        self._check_trial(path)

    def __call__(
        self,
        image: np.ndarray,
        boxes: np.ndarray | Sequence[Sequence[float]],
        flip_test: bool = False,
        stopwatch: Stopwatch | None = None,
    ) -> PoseResult:
        """Poses of the people in the boxes of an image.

        Args:
            image: (H, W, 3), BGR as OpenCV reads it, uint8.
            boxes: (P, 4), left, top, right and bottom, image pixels.
            flip_test: Average with the mirrored image's result: a little better, twice the time.
            stopwatch: Told the time of ``preprocessing``, ``network`` and ``decoding``.

        Raises:
            ValueError: If the image or the boxes are of another kind.
        """
        stopwatch = stopwatch or Stopwatch()
        if len(boxes) == 0:
            return self._nobody()
        with stopwatch.measure('preprocessing'):
            crops = self.crop(image, boxes)
        with stopwatch.measure('network'):
            outputs = self.infer(crops.inputs)
            mirrored = self.infer(crops.inputs[..., ::-1]) if flip_test else None
        with stopwatch.measure('decoding'):
            return self.decode(outputs, crops, mirrored)

    def crop(self, image: np.ndarray, boxes: np.ndarray | Sequence[Sequence[float]]) -> Crops:
        """Cut the people out of the image; the network's input."""
        return crop_people(checked_image(image), checked_boxes(boxes), self.info)

    def infer(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Run the network on (P, 3, H, W), P > 0, in as many runs as it takes; its outputs by name."""
        starts = range(0, len(inputs), self.max_batch)
        runs = [self._run(inputs[start : start + self.max_batch]) for start in starts]
        return {name: np.concatenate(parts) for name, parts in zip(self.output_names, zip(*runs))}

    def decode(
        self,
        outputs: dict[str, np.ndarray],
        crops: Crops,
        mirrored: dict[str, np.ndarray] | None = None,
    ) -> PoseResult:
        """Keypoints in image pixels.

        Args:
            outputs: What :meth:`infer` gave for the crops.
            crops: What :meth:`crop` gave.
            mirrored: What :meth:`infer` gave for the mirrored crops, of a flip test.
        """
        if mirrored is not None:
            back = self._mirror_back(mirrored)
            outputs = {name: (outputs[name] + back[name]) * 0.5 for name in outputs}
        points, scores = self._points(outputs)
        corners = crops.centers - 0.5 * crops.scales
        zoom = crops.scales / self.info.input_size
        keypoints = points * zoom[:, None] + corners[:, None]
        return PoseResult(keypoints.astype(np.float32), scores, crops.scales.prod(axis=1))

    def _nobody(self) -> PoseResult:
        shape = (0, len(self.info.keypoint_names))
        return PoseResult(
            np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32), np.zeros(0, np.float32)
        )

    def _run(self, inputs: np.ndarray) -> list[np.ndarray]:
        """One run of the network; a batch smaller than a fixed one is filled up."""
        count = len(inputs)
        if self.fixed_batch and count < self.fixed_batch:
            filled = np.zeros((self.fixed_batch, *inputs.shape[1:]), np.float32)
            filled[:count] = inputs
            inputs = filled
        inputs = np.ascontiguousarray(inputs, np.float32)
        outputs = run_session(self.session, self.output_names, inputs)
        return [output[:count] for output in outputs]

    def _check_trial(self, path: str | Path) -> None:
        """Run the network once: what does not fit shows now, and the first image is not slow."""
        width, height = self.info.input_size
        keypoints = len(self.info.keypoint_names)
        try:
            outputs = self.infer(np.zeros((1, 3, height, width), np.float32))
        except RuntimeError as error:
            raise ValueError(f'{path}: {error}') from error
        for name, output in outputs.items():
            sides = 4 if name == 'heatmaps' else 3 if name == 'keypoints' else 2
            if output.ndim != sides or output.shape[:2] != (1, keypoints):
                raise ValueError(
                    f'{path} gives {name} of shape {output.shape} for one person with {keypoints} '
                    'keypoints, which is what its metadata says'
                )

    def _points(self, outputs: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates in pixels of the input (P, K, 2), and scores (P, K)."""
        info = self.info
        if info.output == HEATMAPS:
            codec = info.codec
            return decode_heatmaps(
                outputs['heatmaps'], info.input_size, codec.unbiased, codec.blur_kernel_size
            )
        unit = np.float32(info.input_size) if info.output == NORMALISED else np.float32(1)
        return outputs['keypoints'] * unit, outputs['scores'].astype(np.float32)

    def _mirror_back(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs for mirrored crops, as they would be for the crops themselves."""
        info, indices = self.info, self.info.flip_indices
        if info.output == HEATMAPS:
            heatmaps = mirror_back_heatmaps(outputs['heatmaps'], indices, info.shift_heatmap)
            return dict(heatmaps=heatmaps)
        width = 1.0 if info.output == NORMALISED else info.input_size[0]
        pixel = width / info.input_size[0]
        points = mirror_back_points(outputs['keypoints'], indices, width, pixel * info.shift_coords)
        return dict(keypoints=points, scores=outputs['scores'][:, indices])
