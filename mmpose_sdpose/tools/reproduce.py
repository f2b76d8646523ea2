"""Measure the official weights of SDPose, TokenPose and DistilPose on COCO or CrowdPose.

Files are recognised by what is in them, whatever they are called, converted, and tested with detected
and with ground-truth boxes, beside what was published. What is done is kept in the output folder and not
done again: the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.checkpoint import write_checkpoint
from mmpose_sdpose.configs import find_config
from mmpose_sdpose.datasets.checks import DataError, check_data, raise_errors
from mmpose_sdpose.tools.console import fail
from mmpose_sdpose.tools.convert_checkpoint import convert
from mmpose_sdpose.tools.published_figures import DATA_SETS, DataSet, add_result, published
from mmpose_sdpose.tools.quiet import Quiet
from mmpose_sdpose.tools.run_report import RunReport

from mmengine.config import Config, DictAction
from rich.console import Console

from sdpose_runtime.files import check_writable, whole_file

KINDS = ('detected', 'ground-truth')
#: More than this, in points of AP, is said to differ.
TOLERANCE = 0.3


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='reproduce', description=__doc__)
    parser.add_argument(
        'models', nargs='*', metavar='MODEL',
        help='SDPose-T, TokenPose-S-V1, … or names of configs; default: all that WEIGHTS has',
    )  # fmt: skip
    parser.add_argument(
        '--weights', type=Path, required=True, help='folder of official files, or one of them'
    )
    parser.add_argument(
        '--data', type=Path, default=Path('data/coco'), help='COCO or CrowdPose (%(default)s)'
    )
    parser.add_argument('--box-file', type=Path, help="detected boxes (the configs' file in DATA)")
    parser.add_argument('--boxes', choices=[*KINDS, 'both'], default='both', help='%(default)s')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/reproduce'), help='%(default)s')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={}, metavar='KEY=VALUE',
        help='for every test, as in mim test: test_dataloader.batch_size=128',
    )  # fmt: skip
    return parser.parse_args(arguments)


class Impossible(ValueError):
    """What is asked for cannot be done; says what is missing."""


@dataclass(frozen=True)
class Official:
    """An official file that was recognised.

    Args:
        path: The file.
        digest: Of its bytes.
        config: Our config for it.
        converted: Its weights under our names.
    """

    path: Path
    digest: str
    config: Path
    converted: Path


#: What was measured, by file and kind of boxes: its value by metric.
Figures = Mapping[tuple[Official, str], Mapping[str, float]]


class Reproduction:
    """The steps; each one leaves a file by which it is not done again."""

    def __init__(self, args: argparse.Namespace, console: Console) -> None:
        self.args, self.console = args, console
        self.out = args.out
        self.kinds = KINDS if args.boxes == 'both' else (args.boxes,)
        self.data_set = find_data_set(args.data)
        self.annotations = args.data / self.data_set.annotations
        self.box_file = args.box_file or args.data / self.data_set.boxes
        if 'detected' in self.kinds and not self.box_file.is_file():
            raise Impossible(
                f'no detected boxes in {self.box_file}, with which the published AP were measured: '
                f'get them as {self.data_set.source} says, name them with --box-file, or measure '
                'with --boxes ground-truth alone'
            )

    def run(self) -> None:
        check_writable(
            self.out / 'results' / 'x.json', True
        )  # before files are converted and tested
        found = self.choose(self.recognise())
        configs = {(file, kind): self.config(file, kind) for file in found for kind in self.kinds}
        for cfg in configs.values():
            raise_errors(check_data(cfg, ['test']))
        figures = {}
        for number, ((file, kind), cfg) in enumerate(configs.items(), 1):
            title = f'{number}/{len(configs)}  {published(file.config).architecture}, {kind} boxes'
            figures[file, kind] = self.measure(title, file, kind, cfg)
        self.report(found, figures)

    def say(self, text: str = '') -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def recognise(self) -> list[Official]:
        """What of the folder is an official file; says it of each."""
        folder = self.args.weights
        if not folder.exists():
            raise Impossible(f'no folder {folder}: --weights names where the official files are')
        paths = sorted(path for path in folder.rglob('*') if path.is_file())
        paths = paths if folder.is_dir() else [folder]
        self.say(f'{folder}: {len(paths)} file' + 's' * (len(paths) != 1))
        found = []
        for path in paths:
            try:
                file = self.converted(path)
            except (OSError, ValueError) as error:
                self.say(f'  {path.name}: left out, {_first_line(error)}')
                continue
            self.say(f'  {path.name}: {published(file.config).architecture}, {file.config.stem}')
            found.append(file)
        if not found:
            raise Impossible(
                f'no official weights of SDPose, TokenPose or DistilPose in {folder}: get them from '
                'the links in github.com/MartyrPenink/SDPose and github.com/yshMars/DistilPose'
            )
        return found

    def converted(self, path: Path) -> Official:
        """A file under our names; converted once.

        Raises:
            ValueError: If it is no official file.
        """
        digest = digest_of(path)
        folder = self.out / 'weights'
        known = sorted(folder.glob(f'*.{digest}.pth'))
        if not known:
            config, state_dict = convert(str(path), None)
            folder.mkdir(parents=True, exist_ok=True)
            known = [folder / f'{config.stem}.{digest}.pth']
            write_checkpoint(dict(state_dict=state_dict), known[0], overwrite=True)
        return Official(path, digest, find_config(known[0].name.split('.')[0]), known[0])

    def choose(self, found: list[Official]) -> list[Official]:
        """Those that were asked for and are for the data set.

        Raises:
            Impossible: If one is not there.
        """
        name = self.data_set.name
        others = {published(file.config).data for file in found} - {name}
        found = [file for file in found if published(file.config).data == name]
        if not found:
            (other,) = others
            raise Impossible(
                f'the official weights in {self.args.weights} are for {other}, and {self.args.data} '
                f'is {name}: name the folder of {other} with --data'
            )
        for other in others:
            self.say(f'{self.args.data} is {name}: what is for {other} is left out')
        names = {file: (file.config.stem, published(file.config).architecture) for file in found}
        for model in self.args.models:
            if not any(_plain(model) in map(_plain, pair) for pair in names.values()):
                have = ', '.join(sorted({architecture for _, architecture in names.values()}))
                raise Impossible(
                    f'no official weights of {model} for {name} in {self.args.weights}: {have}'
                )
        models = set(map(_plain, self.args.models))
        return [file for file in found if not models or models & set(map(_plain, names[file]))]

    def config(self, file: Official, kind: str) -> Config:
        """The test of a file with boxes of a kind."""
        cfg = Config.fromfile(file.config)
        dataset = cfg.test_dataloader.dataset
        dataset.data_root = str(self.args.data)
        dataset.bbox_file = str(self.box_file) if kind == 'detected' else None
        cfg.test_evaluator.ann_file = str(self.annotations)
        cfg.load_from = str(file.converted)
        cfg.work_dir = str(self.out / 'logs' / f'{file.config.stem}_{kind}')
        # MMEngine keeps what has a name for as long as it runs: each test needs names of its own.
        cfg.experiment_name = cfg.visualizer.name = f'{file.converted.stem}.{kind}'
        cfg.merge_from_dict(self.args.cfg_options)
        return cfg

    def measure(self, title: str, file: Official, kind: str, cfg: Config) -> dict[str, float]:
        """The figures of a file; from an earlier run where weights, data and options are the same."""
        path = self.out / 'results' / f'{file.config.stem}.{file.digest}.{kind}.json'
        inputs = dict(
            annotations=digest_of(self.annotations),
            boxes=digest_of(self.box_file) if kind == 'detected' else None,
            options={name: str(value) for name, value in self.args.cfg_options.items()},
        )
        if path.is_file():
            known = _earlier(path)
            if known['inputs'] == inputs:
                figures = self.data_set.figures(known['metrics'])
                self.say(f'{title}: {_listed(figures)}, from {path}')
                return figures
        metrics = self.test(cfg)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = dict(inputs=inputs, file=str(file.path), metrics=metrics)
        with whole_file(path) as stream:
            stream.write(json.dumps(content, indent=1).encode())
        figures = self.data_set.figures(metrics)
        self.say(f'{title}: {_listed(figures)}')
        return figures

    def test(self, cfg: Config) -> dict[str, float]:
        report = RunReport(self.console, brief=True)
        with Quiet(self.console) as quiet:
            try:
                return quiet.runner(report).from_cfg(cfg).test()
            finally:
                report.close()

    def report(self, found: list[Official], figures: Figures) -> None:
        title = f'on {self.data_set.name} {self.data_set.part}'
        rows = [(f'AP {title}', 'published', *(f'{kind} boxes' for kind in self.kinds))]
        for file in found:
            model = published(file.config)
            for metric in self.data_set.metrics:
                label = (
                    f'{model.architecture} ({file.path.name})' if metric == 'AP' else f'  {metric}'
                )
                value = f'{model.values[metric]:.3f}' if metric in model.values else ''
                measured = (f'{figures[file, kind][metric]:.3f}' for kind in self.kinds)
                rows.append((label, value, *measured))
        widths = [max(map(len, column)) for column in zip(*rows)]
        self.say()
        for first, *others in rows:
            cells = [f'{cell:>{width}}' for cell, width in zip(others, widths[1:])]
            self.say('  '.join([f'{first:{widths[0]}}', *cells]))
        self.say()
        for line in self.differences(found, figures):
            self.say(line)
        for path in self.write_metafiles(found, figures):
            self.say(f'the figures are written into {path}')

    def differences(self, found: list[Official], figures: Figures) -> Iterator[str]:
        """Where what was measured with detected boxes is not what was published."""
        compared = []
        for file in found:
            model, measured = published(file.config), figures.get((file, 'detected'), {})
            if not model.values:
                yield f'No AP of {model.architecture} on {self.data_set.name} was published.'
            both = [metric for metric in measured if metric in model.values]
            for metric in both:
                points = 100 * measured[metric] - 100 * model.values[metric]
                compared.append((file, model, metric, points))
        far = [entry for entry in compared if round(abs(entry[3]), 2) > TOLERANCE]
        for file, model, metric, points in far:
            yield f'{model.architecture} ({file.path.name}) differs by {points:+.1f} points of {metric}'
        if far:
            yield f'Published AP are of {self.data_set.scale}: others give other AP.'
        elif compared:
            yield f'None differs by more than {TOLERANCE} points of AP from what was published.'

    def write_metafiles(self, found: list[Official], figures: Figures) -> Iterator[Path]:
        """Copies of the metafiles that have the measured figures too."""
        for metafile in dict.fromkeys(published(file.config).metafile for file in found):
            text = metafile.read_text(encoding='utf-8')
            for file in found:
                model = published(file.config)
                for kind in self.kinds if model.metafile == metafile else ():
                    remarks, values = self.remarks(file, kind), figures[file, kind]
                    text = add_result(text, model.entry, model.data, values, remarks)
            target = self.out / metafile.parent.name / metafile.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(target) as stream:
                stream.write(text.encode())
            yield target

    def remarks(self, file: Official, kind: str) -> dict[str, str]:
        command = f'mim run mmpose_sdpose reproduce {published(file.config).architecture}'
        command += f' --weights {self.args.weights} --data {self.args.data} --boxes {kind}'
        return {
            'Command': command,
            'Note': f'official weights ({file.path.name}), {kind} boxes',
        }


def _earlier(path: Path) -> dict[str, Any]:
    """What an earlier run measured.

    Raises:
        Impossible: If the file is damaged.
    """
    try:
        known = json.loads(path.read_text(encoding='utf-8'))
        if not all(isinstance(known[part], dict) for part in ('inputs', 'metrics')):
            raise ValueError('it has no inputs and metrics')
    except (ValueError, TypeError, KeyError) as error:
        raise Impossible(
            f'{path} is damaged ({error}): remove it, and this is measured again'
        ) from error
    return known


def find_data_set(folder: Path) -> DataSet:
    """The data set that a folder holds.

    Raises:
        Impossible: If it holds none, or more than one.
    """
    found = [data_set for data_set in DATA_SETS if (folder / data_set.annotations).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise Impossible(
            f'{folder} holds {" and ".join(data_set.name for data_set in found)}: --data names the '
            'folder of one of them'
        )
    wanted = ' or '.join(
        f'{data_set.annotations} ({data_set.name}, {data_set.source})' for data_set in DATA_SETS
    )
    raise Impossible(f'no data in {folder}: --data names the folder that has {wanted}')


@cache
def digest_of(path: Path) -> str:
    """The first letters of a file's SHA-256."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()[:12]


def _listed(figures: Mapping[str, float]) -> str:
    return ', '.join(f'{metric} {value:.3f}' for metric, value in figures.items())


def _plain(name: str) -> str:
    return Path(name).name.removesuffix('.py').lower()


def _first_line(error: Any) -> str:
    return str(error).splitlines()[0].rstrip(':')


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse_args(arguments)
    try:
        Reproduction(args, Console(highlight=False)).run()
    except (DataError, Impossible, OSError) as error:
        return fail('reproduce', error)
    except KeyboardInterrupt:
        return fail('reproduce', 'stopped; the same command goes on', 130)
    return 0


if __name__ == '__main__':
    sys.exit(main())
