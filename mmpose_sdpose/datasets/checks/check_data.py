"""Whether data, weights and sizes of a run are there, before it costs anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from ...checkpoint import PACKAGED, fetch_state_dict, list_unusable, unusable_weights
from .annotations import Annotations, WrongFile, read_annotations
from .detections import read_detections
from .findings import Finding, is_positive, short, some
from .ground_truth import check_truth
from .images import check_images
from .keypoints import check_metainfo, count_keypoints, keypoints_given
from .mixtures import check_mixture
from .parts import COCO_METRICS, inner_datasets, metrics_of, student_of, transforms_of, type_name
from .people import describe_categories, describe_nobody, describe_people
from .person_crops import check_person_crops
from .runs import check_kinds, check_loader, check_run, check_save_best
from .top_down import check_model

STAGES = ('train', 'val', 'test')


def check_data(cfg: Config, stages: Sequence[str] = STAGES) -> list[Finding]:
    """Look at all that a run would read, as far as it can be told before.

    People, boxes and images are looked at in COCO-style data sets for top-down models; of others, their
    files.

    Args:
        cfg: Of the run, options merged.
        stages: What runs: of ``train``, ``val``, ``test``; those that the config lacks are left out.

    Returns:
        Errors and warnings, the same one once. None if all is well.
    """
    findings = list(check_kinds(cfg))
    if findings:
        return findings
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    loaders = {stage: cfg.get(f'{stage}_dataloader') for stage in stages}
    datasets = {
        stage: loader['dataset']
        for stage, loader in loaders.items()
        if isinstance(loader, dict) and isinstance(loader.get('dataset'), dict)
    }
    findings += _check_weights(cfg, stages)
    if cfg.get('model'):
        findings += check_model(cfg, datasets)
        with_data = {stage: loaders[stage] for stage in datasets}
        findings += check_person_crops(*student_of(cfg.model), with_data)
    if 'val' in datasets and 'train' in datasets:
        findings += check_save_best(cfg, metrics_of(cfg, 'val'))
    if 'train' in stages and 'train' in datasets:
        findings += check_run(cfg)
    for stage in datasets:
        findings += check_loader(loaders[stage], f'{stage}_dataloader')
    source = cfg.get('data_source')
    origin = f'; the data comes from {source}' if source else ''
    for stage, dataset in datasets.items():
        findings += check_mixture(dataset, f'{stage}_dataloader.dataset')
        leaves = list(leaves_of(dataset, f'{stage}_dataloader.dataset'))
        for leaf in leaves:
            findings += _check_leaf(leaf, origin)
        if any(leaf.is_plain for leaf in leaves) and not transforms_of(dataset):
            findings.append(
                Finding(
                    f'{stage}_dataloader.dataset.pipeline has no steps: nothing would load the images '
                    'and cut people out'
                )
            )
        findings += _check_batch(loaders[stage], dataset, leaves, f'{stage}_dataloader')
        if stage != 'train':
            for metric in metrics_of(cfg, stage):
                findings += _check_converted(metric, dataset, leaves, f'{stage}_evaluator')
                findings += _check_metric(metric, leaves, f'{stage}_evaluator', origin)
    return list(dict.fromkeys(findings))


def _check_weights(cfg: Config, stages: Sequence[str]) -> Iterator[Finding]:
    path = cfg.get('load_from')
    # As the user gave it: MMPose's scripts put all three into load_from.
    given = '--checkpoint' if list(stages) == ['test'] else 'load_from'
    given = '--resume' if 'train' in stages and cfg.get('resume') else given
    if path and ('://' not in path or path.startswith(PACKAGED)):
        try:
            faults = list_unusable(fetch_state_dict(path))
        except (OSError, ValueError) as error:
            yield Finding(f'{given}: {error}')
            return
        if faults:
            yield Finding(unusable_weights(path, faults))


@dataclass(frozen=True)
class Leaf:
    """A COCO-style data set that wraps no other.

    Args:
        place: Where the config has it.
        settings: What the config says.
        ann_file, bbox_file, folder: Where its files are, as MMPose finds them.
        num_keypoints: Of a person; None if its class reads people in a way of its own.
        is_plain: Whether its class reads the file as MMPose's COCO data sets do, for top-down models.
    """

    place: str
    settings: dict[str, Any]
    ann_file: str
    bbox_file: str | None
    folder: str
    num_keypoints: int | None
    is_plain: bool

    def read(self) -> Annotations:
        return read_annotations(self.ann_file, self.num_keypoints)

    def images(self) -> set[Any]:
        """Ids of the images that are opened."""
        if self.bbox_file:
            return read_detections(self.bbox_file, self.read()).images
        return set(self.read().loaded)


def _class_of(kind: Any) -> Any:
    """A data set's class, by its name or itself."""
    return DATASETS.get(kind) if isinstance(kind, str) else kind


def _is_coco_style(kind: Any) -> bool:
    found = _class_of(kind)
    return isinstance(found, type) and issubclass(found, BaseCocoStyleDataset)


def leaves_of(dataset: dict[str, Any], place: str, is_plain: bool = True) -> Iterator[Leaf]:
    """The COCO-style data sets in a data set's config, which may wrap others.

    Args:
        place: Where the config has it.
        is_plain: Whether what wraps it hands on its people as they are.
    """
    inner = inner_datasets(dataset)
    is_plain = is_plain and type_name(dataset) != 'KeepBoxes'
    for number, part in enumerate(inner):
        name = f'datasets.{number}' if 'datasets' in dataset else 'dataset'
        yield from leaves_of(part, f'{place}.{name}', is_plain)
    if inner or not _is_coco_style(dataset.get('type')):
        return
    kind = _class_of(dataset['type'])
    root, prefix = dataset.get('data_root') or '', dataset.get('data_prefix') or {}
    own_people = kind.parse_data_info is not BaseCocoStyleDataset.parse_data_info
    own_files = kind._load_annotations is not BaseCocoStyleDataset._load_annotations
    yield Leaf(
        place,
        dataset,
        os.path.join(root, dataset.get('ann_file', '')),
        dataset.get('bbox_file'),
        os.path.join(root, prefix.get('img', '')),
        None if own_people else count_keypoints(dataset),
        is_plain and not own_files and dataset.get('data_mode', 'topdown') == 'topdown',
    )


def _check_leaf(leaf: Leaf, origin: str) -> Iterator[Finding]:
    yield from check_metainfo(leaf.settings, leaf.place)
    indices = leaf.settings.get('indices')
    is_list = isinstance(indices, Sequence) and not isinstance(indices, str)
    if indices is not None and (not (is_list or type(indices) is int) or not indices):
        yield Finding(
            f'{leaf.place}.indices ({short(indices)}) must be a number of people, or a list of their '
            'places in the file; None takes all'
        )
    files = {'annotation file': leaf.ann_file, 'box file': leaf.bbox_file}
    missing = [
        Finding(f'{kind} not found: expected at {os.path.abspath(path)}{origin}')
        for kind, path in files.items()
        if path and '://' not in path and not os.path.isfile(path)
    ]
    yield from missing
    if leaf.is_plain and not missing and '://' not in leaf.ann_file:
        try:
            yield from _check_content(leaf, leaf.read(), origin)
        except (OSError, WrongFile) as error:
            yield Finding(str(error))


def _check_content(leaf: Leaf, annotations: Annotations, origin: str) -> Iterator[Finding]:
    yield from annotations.findings
    if leaf.bbox_file:
        least = (leaf.settings.get('filter_cfg') or {}).get('bbox_score_thr')
        detections = read_detections(leaf.bbox_file, annotations)
        yield from detections.findings
        if least is not None and detections.images and detections.best_score < least:
            yield Finding(
                f'{leaf.place}.filter_cfg.bbox_score_thr={least} leaves out every box of '
                f'{leaf.bbox_file}: the best has {detections.best_score:g}'
            )
    elif annotations.people is None:
        yield Finding(
            f'{leaf.ann_file} has no list "annotations": files without people are tested with a '
            f'bbox_file in {leaf.place} and format_only=True in the evaluator'
        )
    else:
        yield from describe_people(annotations)
        yield from describe_categories(annotations)
        yield from describe_nobody(annotations)
    used = {name: annotations.pictures[name] for name in leaf.images()}
    sizeless = [name for name in used if None in (used[name].width, used[name].height)]
    if sizeless:
        yield Finding(
            f'{leaf.ann_file}: images have no width and height ({len(sizeless)}), the first is image '
            f'{short(sizeless[0])}: write them, in pixels'
        )
    if '://' not in leaf.folder:
        yield from check_images(list(used.values()), leaf.folder, leaf.ann_file, origin)


def _check_batch(
    loader: dict[str, Any], dataset: dict[str, Any], leaves: list[Leaf], place: str
) -> Iterator[Finding]:
    """Whether each data set of a mixture is seen, and incomplete batches are not all there is."""
    plain = all(leaf.is_plain and leaf.bbox_file is None for leaf in leaves)
    is_mixture = type_name(dataset) == 'CombinedDataset'
    if not plain or len(leaves) != (len(dataset['datasets']) if is_mixture else 1):
        return
    shares = (is_mixture and dataset.get('sample_ratio_factor')) or [1] * len(leaves)
    try:
        counts = [round(share * _count(leaf)) for share, leaf in zip(shares, leaves)]
    except (OSError, WrongFile, TypeError, ValueError, OverflowError):
        return  # that was said
    if is_mixture and 0 in counts:
        index = counts.index(0)
        yield Finding(
            f'nobody of {leaves[index].place} is seen: its share of {_count(leaves[index])} people is '
            f'{shares[index]}, less than one',
            fatal=False,
        )
    size = loader.get('batch_size', 1)
    if loader.get('drop_last') and is_positive(size) and sum(counts) < size:
        yield Finding(
            f'{place} drops incomplete batches (drop_last), and its {sum(counts)} people do not fill '
            f'one of {loader["batch_size"]}: nothing would be done'
        )


def _count(leaf: Leaf) -> int:
    """People that are loaded, or as many of them as ``indices`` leaves."""
    people, indices = len(leaf.read().loaded), leaf.settings.get('indices')
    if indices is None:
        return people
    return min(people, abs(indices) if isinstance(indices, int) else len(indices))


def _check_converted(
    metric: dict[str, Any], dataset: dict[str, Any], leaves: list[Leaf], place: str
) -> Iterator[Finding]:
    """Whether a metric compares people as the test pipeline has converted them."""
    kind, converts = type_name(metric), metric.get('pred_converter') or metric.get('gt_converter')
    given = keypoints_given(dataset)
    written = {leaf.num_keypoints for leaf in leaves if leaf.num_keypoints is not None}
    if kind not in (*COCO_METRICS, 'MeanOKS') or converts or not (given and written):
        return
    if not written & given:
        yield Finding(
            f'{kind} in {place} compares with the annotations as they are written, and their '
            f'{some(sorted(written))} keypoints are converted to {some(sorted(given))}: '
            'take PCKAccuracy, which compares with the converted ones'
        )


def _check_metric(
    metric: dict[str, Any], leaves: list[Leaf], place: str, origin: str
) -> Iterator[Finding]:
    """Whether the file that MMPose's COCO metric compares with has what it needs."""
    boxes = [leaf.place for leaf in leaves if leaf.bbox_file]
    if type_name(metric) == 'MeanOKS' and boxes:
        yield Finding(
            f'MeanOKS in {place} compares with the annotation of each box, and detected ones have none: '
            f'say {boxes[0]}.bbox_file=None'
        )
    if metric.get('format_only') and not metric.get('outfile_prefix'):
        yield Finding(
            f'{place}.format_only=True writes predictions, but no outfile_prefix says where'
        )
    if type_name(metric) not in COCO_METRICS or len(leaves) != 1:
        return
    path = metric.get('ann_file') or leaves[0].ann_file
    if '://' in path or not leaves[0].is_plain:
        return
    if not os.path.isfile(path):
        if path != leaves[0].ann_file:  # that was said
            yield Finding(
                f'{place}.ann_file not found: expected at {os.path.abspath(path)}{origin}'
            )
        return
    yield from check_metainfo(leaves[0].settings, leaves[0].place, with_sigmas=True)
    expected = None if metric.get('gt_converter') else leaves[0].num_keypoints
    try:
        truth = read_annotations(path, expected)
        yield from truth.findings
        if not metric.get('format_only'):
            yield from check_truth(truth, metric, place, bool(leaves[0].bbox_file))
        if path != leaves[0].ann_file and os.path.isfile(leaves[0].ann_file):
            unknown = [image for image in leaves[0].images() if image not in truth.pictures]
            if unknown:
                yield Finding(
                    f'{place}.ann_file {path} lacks {len(unknown)} images of {leaves[0].ann_file}, '
                    f'{some(unknown)}: test on and compare with the same file'
                )
    except (OSError, WrongFile) as error:
        yield Finding(str(error))
