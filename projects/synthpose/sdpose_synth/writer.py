"""Write a data set: images in parallel, annotation files, all or nothing."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Callable, Optional

import cv2

from .annotations import ImageRecord
from .formats import coco_file, crowdpose_file, image_name
from .sample import SPLITS, sample_of
from .settings import VERSION, Settings

INFO_FILE = 'synthpose.json'
CHUNK = 8  # images that a worker takes at a time

Made = tuple[ImageRecord, list[dict]]
Progress = Optional[Callable[[int], None]]


class OutputFolderError(Exception):
    """The output folder holds something else."""


def write_dataset(
    out: str | Path, settings: Settings, workers: int = 1, progress: Progress = None
) -> bool:
    """Write a data set into a new folder; an interrupted run leaves nothing behind.

    Args:
        out: Folder to make. It may exist if it is empty.
        settings: What to make.
        workers: Number of processes.
        progress: Called with the number of images just finished.

    Returns:
        False if the folder already held this very data set and nothing was done.

    Raises:
        ValueError: For less than one worker.
        OutputFolderError: If the folder holds something else.
        OSError: If writing fails.
    """
    if workers < 1:
        raise ValueError(f'workers ({workers}) must be 1 or more')
    out = Path(out).absolute()
    if is_complete(out, settings):
        return False
    _refuse_other_content(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    # A hidden neighbour that is renamed at the end: no half data set ever has the final name.
    with tempfile.TemporaryDirectory(prefix=f'.{out.name}.partial-', dir=out.parent) as holder:
        partial = Path(holder) / out.name
        partial.mkdir()
        with _drawer(workers) as draw:
            for split in SPLITS:
                _write_split(partial, split, settings, draw, progress)
        _write_notes(partial, settings)
        if out.exists():
            out.rmdir()  # empty, or the error says what is in the way
        partial.rename(out)
    return True


def is_complete(out: str | Path, settings: Settings) -> bool:
    """Whether a folder holds the data set of these settings, whole."""
    out = Path(out)
    try:
        info = json.loads((out / INFO_FILE).read_text(encoding='utf-8'))
        same = info['settings'] == settings.as_dict()
    except (OSError, ValueError, KeyError, TypeError):
        return False
    counts = dict(train=settings.train, val=settings.val)
    return same and all(
        _annotation_path(out, name, split).is_file()
        and len(list((out / split).glob('*.jpg'))) == counts[split]
        for split in SPLITS
        for name in ('person_keypoints', 'crowdpose', 'person_detections')
    )


def _refuse_other_content(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise OutputFolderError(f'{out} is a file: choose another folder')
    if out.is_dir() and any(out.iterdir()):
        raise OutputFolderError(
            f'{out} is not empty and is not this data set: choose another folder or remove it'
        )


@contextlib.contextmanager
def _drawer(workers: int) -> Iterator[Callable]:
    """A ``map`` over a number of processes; one worker means this process."""
    with _one_opencv_thread():
        if workers == 1:
            yield map
            return
        # fork starts at once and needs no import; the results are the same with spawn.
        method = 'fork' if 'fork' in multiprocessing.get_all_start_methods() else 'spawn'
        context = multiprocessing.get_context(method)
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
        try:
            yield lambda function, jobs: pool.map(function, jobs, chunksize=CHUNK)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """End OpenCV's own threads for a while: forked while they live, a worker waits for them."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent cleans up
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cv2.setNumThreads(1)


def _write_split(
    folder: Path, split: str, settings: Settings, draw: Callable, progress: Progress
) -> None:
    (folder / split).mkdir()
    count = getattr(settings, split)
    jobs = [(str(folder), split, index, settings) for index in range(count)]
    made = []
    for one in draw(_draw_one, jobs):
        made.append(one)
        if progress is not None:
            progress(1)
    _write_annotations(folder, split, settings, made)


def _draw_one(job: tuple[str, str, int, Settings]) -> Made:
    folder, split, index, settings = job
    sample = sample_of(settings, split, index)
    (Path(folder) / split / image_name(sample.image_id)).write_bytes(sample.jpeg)
    return sample.record, sample.detections


def _write_annotations(folder: Path, split: str, settings: Settings, made: list[Made]) -> None:
    records = [record for record, _ in made]
    detections = [detection for _, found in made for detection in found]
    info = dict(
        description=f'SynthPose {split}: synthetic people, drawn by mmpose_sdpose',
        version=VERSION,
        seed=settings.seed,
        command=settings.command(),
    )
    contents = dict(
        person_keypoints=coco_file(records, settings.size, info),
        crowdpose=crowdpose_file(records, settings.size, info),
        person_detections=detections,
    )
    for name, content in contents.items():
        _write_json(_annotation_path(folder, name, split), content)


def _annotation_path(folder: Path, name: str, split: str) -> Path:
    return folder / 'annotations' / f'{name}_{split}.json'


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, separators=(',', ':')), encoding='utf-8')


def _write_notes(folder: Path, settings: Settings) -> None:
    _write_json(folder / INFO_FILE, dict(settings=settings.as_dict(), command=settings.command()))
    (folder / 'README.md').write_text(
        f'# SynthPose\n\n{settings.train} training and {settings.val} validation images of '
        'drawn people, COCO and CrowdPose annotation formats.\n\nMade by (version '
        f'{VERSION}):\n\n    {settings.command()}\n',
        encoding='utf-8',
    )


def default_workers() -> int:
    """Number of processors this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
