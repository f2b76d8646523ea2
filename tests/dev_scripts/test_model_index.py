"""The model index: complete, measured, its tables fresh; and what is wrong in a broken one is found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from mmpose_sdpose.configs import build_model, read_config
from mmpose_sdpose.evaluation.complexity import measure_complexity

import pytest
import update_model_tables
from model_index import BrokenIndex, Entry, find_problems, read_index
from model_tables import END, TABLES, Latencies, find_table, mark, render_table
from update_model_tables import CostMeter, read_latencies

ROOT = Path(__file__).parents[2]
NAME = 'td-hm_tiny_2xb16-16e_synthpose-128x96'
FOLDER = 'configs/body_2d_keypoint/sdpose'
METAFILE = f'{FOLDER}/metafile.yml'
CONFIG = f'{FOLDER}/synthpose/{NAME}.py'
INDEX = f"""Collections:
  - Name: SDPose
    README: README.md
Models:
  # A comment that stays.
  - Name: {NAME}
    In Collection: SDPose
    Config: {CONFIG}
    Metadata:
      Architecture: Tiny
      Training Data: SynthPose
      Parameters M: 1.402
      GFLOPs: 0.1  # measured
      GFLOPs with attention: 0.2
    Results:
      - Task: Body 2D Keypoint
        Dataset: SynthPose
        Metrics:
          AP measured: 0.25
        Command: mim test it
"""
HEADER = 'model,engine,device,threads,batch,scope,input,params,median_ms,torch,command,machine\n'


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout with one model, without problems; its cost is not measured yet."""
    write(tmp_path, 'model-index.yml', f'Import:\n  - {METAFILE}\n')
    write(tmp_path, METAFILE, INDEX)
    base = ROOT / 'configs/_base_/token_heatmap_synthpose.py'
    write(tmp_path, CONFIG, f'_base_ = [{str(base)!r}]\n')
    for page in {table.page for table in TABLES}:
        places = [f'{mark(table.name)}\n{END}\n' for table in TABLES if table.page == page]
        write(tmp_path, page, '# Page\n\n' + '\nBetween.\n\n'.join(places) + '\nEnd.\n')
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@cache
def entries() -> list[Entry]:
    """The package's own index, or nothing where it is broken (a test of its own says how)."""
    try:
        return read_index(ROOT)
    except BrokenIndex:
        return []


def cost_cases() -> list:
    """The plain entries; those of an HRNet, which take seconds each, for COCO alone by default."""
    plain = [entry for entry in entries() if entry.name == entry.plain_name]
    slow = [entry.cost[0] > 10 and entry.data != 'COCO' for entry in plain]
    return [
        pytest.param(entry, id=entry.name, marks=[pytest.mark.slow] if is_slow else [])
        for entry, is_slow in zip(plain, slow)
    ]


@pytest.fixture(scope='module')
def meter() -> CostMeter:
    return CostMeter(ROOT)


def test_the_index_has_no_problems():
    assert find_problems(ROOT) == []


@pytest.mark.parametrize('entry', cost_cases())
def test_measured_metadata_is_what_the_config_costs(entry, meter):
    assert entry.cost == meter.measure(entry), 'run `python .dev_scripts/update_model_tables.py`'
    for variant in entries():
        if variant.plain_name == entry.name:
            assert variant.cost == entry.cost, variant.name


@pytest.mark.parametrize('table', TABLES, ids=lambda table: table.name)
def test_tables_are_what_the_index_and_the_benchmark_say(table):
    latencies = read_latencies(ROOT, None)
    fresh = render_table(table, read_index(ROOT), latencies)
    assert find_table((ROOT / table.page).read_text(), table.name) == fresh, (
        'run `python .dev_scripts/update_model_tables.py`'
    )
    assert latencies.find_problems(read_index(ROOT)) == []


def test_mim_search_shows_cost_and_results_in_columns_that_it_can_filter():
    search = pytest.importorskip('mim.commands.search')
    found = search.convert2df(search.load(str(ROOT / 'model-index.yml')))
    assert list(found.index) == [entry.name for entry in read_index(ROOT)]
    columns = found[['config', 'parameters_m', 'gflops', 'gflops_with_attention']]
    assert columns.notna().all().all()
    small = search.filter_by_conditions(found, 'parameters_m<5,ap_published>0.69')
    assert list(small.index) == [
        'td-reg_ladpose_8xb64-300e_crowdpose-256x192',
        'td-hm_sdpose-t_8xb64-300e_coco-256x192',
    ]


def test_cycles_cost_nothing_at_test_time():
    """What lets an SDPose share the cost of its TokenPose."""
    cfg = read_config('td-hm_sdpose-n_2xb16-16e_synthpose-128x96')
    costs = []
    for cycles in (1, 3):
        cfg.model.head.num_cycles = cycles
        costs.append(measure_complexity(build_model(cfg), (96, 128)))
    assert costs[0] == costs[1]


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        write(root, name, text.replace(old, new))

    return apply


def rename(new: str) -> Callable[[Path], None]:
    """Rename config and entry."""

    def apply(root: Path) -> None:
        (root / CONFIG).rename((root / CONFIG).with_name(f'{new}.py'))
        write(root, METAFILE, INDEX.replace(NAME, new))

    return apply


def copy(new: str) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / CONFIG, root / new)

    return apply


def move(new: str) -> Callable[[Path], None]:
    """Move config and entry."""

    def apply(root: Path) -> None:
        copy(new)(root)
        (root / CONFIG).unlink()
        write(root, METAFILE, INDEX.replace(CONFIG, new))

    return apply


ENTRY = INDEX[INDEX.index('  - Name: td-hm') :]
BROKEN = {
    'config without entry': (
        copy(CONFIG.replace('tiny', 'small')),
        ['td-hm_small_2xb16-16e_synthpose-128x96: a config without an entry in a metafile'],
    ),
    'config of another family': (
        copy('configs/hand_2d_keypoint/x/synthpose/td-hm_small_2xb16-16e_synthpose-128x96.py'),
        ['td-hm_small_2xb16-16e_synthpose-128x96: a config without an entry in a metafile'],
    ),
    'entry without config': (
        lambda root: (root / CONFIG).unlink(),
        [f'{METAFILE}: {NAME}: its config {CONFIG} does not exist'],
    ),
    'entry of another config': (
        edit(METAFILE, f'Name: {NAME}', 'Name: td-hm_other_2xb16-16e_synthpose-128x96'),
        [
            f'{NAME}: a config without an entry in a metafile',
            f'{METAFILE}: td-hm_other_2xb16-16e_synthpose-128x96: its config {CONFIG} has another name',
        ],
    ),
    'two entries': (
        lambda root: write(root, METAFILE, INDEX + ENTRY),
        [f'{NAME}: 2 entries have this name'],
    ),
    'name twice': (
        copy(f'configs/body_2d_keypoint/other/synthpose/{NAME}.py'),
        [f'{NAME}: 2 configs have this name; MIM finds configs by it'],
    ),
    'name in another folder': (
        move(CONFIG.replace('synthpose/', 'coco/')),
        [f'{NAME}: the name says synthpose, the folder coco'],
    ),
    'no label': (
        edit(METAFILE, 'AP measured', 'AP'),
        [
            f"{METAFILE}: {NAME}: metric 'AP' is not labelled published or measured: say "
            '"AP published"'
        ],
    ),
    'no command': (
        edit(METAFILE, '        Command: mim test it\n', ''),
        [f'{METAFILE}: {NAME}: AP measured has no Command'],
    ),
    'no source': (
        edit(METAFILE, 'AP measured', 'AP published'),
        [f'{METAFILE}: {NAME}: AP published has no Source'],
    ),
    'two kinds': (
        edit(
            METAFILE,
            'AP measured: 0.25\n',
            'AP measured: 0.25\n          AP published: 0.3\n        Source: a paper\n',
        ),
        [
            f'{METAFILE}: {NAME}: published and measured figures share a result: give each one its own'
        ],
    ),
    'percent': (
        edit(METAFILE, '0.25', '25.0'),
        [f'{METAFILE}: {NAME}: AP measured is 25.0, not between 0 and 1 as MMPose prints it'],
    ),
    'no cost': (
        edit(METAFILE, '      Parameters M: 1.402\n', ''),
        [f'{METAFILE}: {NAME}: no Parameters M in its metadata'],
    ),
    'no such collection': (
        edit(METAFILE, 'In Collection: SDPose', 'In Collection: SDpose'),
        [f'{METAFILE}: {NAME}: its collection SDpose is not one of SDPose'],
    ),
    'no such README': (
        edit(METAFILE, 'README: README.md', 'README: no.md'),
        [f"{METAFILE}: {NAME}: its collection's README no.md does not exist"],
    ),
    'metafile forgotten': (
        lambda root: write(root, 'configs/body_2d_keypoint/other/metafile.yml', 'Models: []'),
        ['configs/body_2d_keypoint/other/metafile.yml is not imported by model-index.yml'],
    ),
}


def test_the_made_up_checkout_has_no_problems(checkout):
    assert find_problems(checkout) == []


@pytest.mark.parametrize('break_it, problems', BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_is_found(checkout, capsys, break_it, problems):
    break_it(checkout)
    assert find_problems(checkout) == problems
    assert update_model_tables.main(['--root', str(checkout)]) == 1
    assert capsys.readouterr().err == ''.join(f'update_model_tables: {line}\n' for line in problems)


@pytest.mark.parametrize(
    'name',
    [
        'sdpose_2xb16-16e_synthpose-128x96',  # no algorithm
        'td-hm_tiny_synthpose-128x96',  # no training info
        'td-hm_tiny_2xb16_synthpose-128x96',  # no epochs
        'td-hm_tiny_2xb16-16e_synthpose',  # no size
        'td-hm_tiny_2xb16-16e_synthpose_128x96',
        'td-hm_tiny_with_parts_2xb16-16e_synthpose-128x96',
        'td-hm-tiny_2xb16-16e_synthpose-128x96-',
    ],
)
def test_a_name_against_the_rules_is_found(checkout, name):
    rename(name)(checkout)
    (problem,) = find_problems(checkout)
    assert problem.startswith(f'{name}: not a name by the rules of MMPose')


@pytest.mark.parametrize(
    'text, message',
    [
        ('Import:\n  - no.yml\n', 'model-index.yml cannot be read: FileNotFoundError'),
        ('Import: [', 'model-index.yml cannot be read: ParserError'),
        ('Models: []', "model-index.yml cannot be read: KeyError: 'Import'"),
    ],
)
def test_an_unreadable_index_is_said_to_be(checkout, text, message):
    write(checkout, 'model-index.yml', text)
    (problem,) = find_problems(checkout)
    assert problem.startswith(message)


def test_the_tool_measures_writes_and_then_finds_nothing_stale(checkout, capsys):
    command = ['--root', str(checkout)]
    assert update_model_tables.main([*command, '--check']) == 1
    assert (checkout / METAFILE).read_text() == INDEX, '--check writes nothing'
    cost = measure_complexity(build_model(checkout / CONFIG), (96, 128))
    values = [f'{cost.params / 1e6:.3f}']
    values += [f'{flops / 1e9:.3f}' for flops in (cost.published_flops, cost.flops_with_attention)]
    error = capsys.readouterr().err
    assert f'{NAME}: Parameters M is 1.402, measured {values[0]}; GFLOPs is 0.1' in error
    assert 'docs/models.md: the table synthpose is not what the index says' in error

    assert update_model_tables.main(command) == 0
    expected = INDEX.replace('1.402', values[0]).replace('0.1  # measured', values[1])
    assert (checkout / METAFILE).read_text() == expected.replace('0.2\n', f'{values[2]}\n')
    page = (checkout / 'docs/models.md').read_text()
    row = f'| [Tiny](../{CONFIG}) | {" | ".join(values)} | 0.250 |'
    assert row in page.splitlines()
    assert '- Tiny: SynthPose AP, *measured*: `mim test it`.' in page.splitlines()
    assert page.startswith('# Page\n\n<!-- models: overview -->\n') and page.endswith('\nEnd.\n')
    assert update_model_tables.main([*command, '--check']) == 0

    write(checkout, 'docs/models.md', page.replace('| 0.250 |', '| 0.350 |'))
    capsys.readouterr()
    assert update_model_tables.main([*command, '--check']) == 1
    assert (
        'docs/models.md: the table synthpose is not what the index says' in capsys.readouterr().err
    )


def test_a_name_that_says_something_else_than_the_config_is_found(checkout, capsys):
    rename(NAME.replace('128x96', '96x128'))(checkout)
    assert update_model_tables.main(['--root', str(checkout)]) == 1
    error = capsys.readouterr().err
    assert (
        "td-hm_tiny_2xb16-16e_synthpose-96x128: by its config its name should have '-128x96'"
        in error
    )


@pytest.mark.parametrize('page', ['# Page', f'{mark("overview")}\n{END}\n' * 2])
def test_a_page_without_one_place_for_its_table_is_named(checkout, capsys, page):
    write(checkout, 'docs/models.md', page)
    assert update_model_tables.main(['--root', str(checkout)]) == 1
    assert 'docs/models.md needs one place for a table: a line <!-- models: overview -->' in (
        capsys.readouterr().err
    )


def test_outside_of_a_checkout_the_tool_says_so(tmp_path, capsys):
    assert update_model_tables.main(['--root', str(tmp_path)]) == 1
    assert capsys.readouterr().err.endswith('run it from a checkout\n')


def test_latencies_come_from_the_rows_of_one_image_through_the_network(checkout):
    rows = [
        f'{NAME},pytorch,cpu,2,1,network,128x96,1402000,12.34,2.5,bench,box',
        f'{NAME},pytorch,cpu,2,8,network,128x96,1402000,99,2.5,bench,box',
        f'{NAME},pytorch,cpu,2,1,flip,128x96,1402000,99,2.5,bench,box',
        f'{NAME},pytorch,cpu,2,1,network,256x192,1402000,99,2.5,bench,box',
        f'{NAME},tensorrt,cuda,2,1,network,128x96,1402000,99,2.5,bench,box',
        f'{NAME},onnxruntime,cpu,2,1,network,128x96,,4.5,,bench onnx,box',
        'rtmpose-t,pytorch,cuda,2,1,network,128x96,5000000,99,2.5,bench,other box',
    ]
    write(checkout, 'docs/benchmark.csv', HEADER + '\n'.join(rows))
    (table,) = [table for table in TABLES if table.name == 'synthpose']
    lines = render_table(table, read_index(checkout), read_latencies(checkout, None)).splitlines()
    columns = '| with attention | ms, PyTorch on cpu | ms, ONNX Runtime on cpu | AP, measured |'
    assert lines[1].endswith(columns)
    assert lines[3].endswith('| 1.402 | 0.100 | 0.200 | 12.3 | 4.50 | 0.250 |')
    assert lines[6:8] == [
        '- ms, PyTorch on cpu: *measured*, median of one image through the network alone '
        '(box; PyTorch 2.5), from [benchmark.csv](benchmark.csv): `bench`.',
        '- ms, ONNX Runtime on cpu: *measured*, median of one image through the network alone '
        '(box), from [benchmark.csv](benchmark.csv): `bench onnx`.',
    ]


def test_latencies_of_two_machines_do_not_share_a_column(checkout):
    row = f'{NAME},pytorch,cpu,2,1,network,128x96,1402000,{{}},2.5,bench,{{}}'
    write(
        checkout, 'b.csv', '\n'.join([HEADER.strip(), row.format(1, 'one'), row.format(2, 'two')])
    )
    latencies = read_latencies(checkout, 'b.csv')
    columns = latencies.columns(read_index(checkout))
    assert list(columns.values()) == [
        'ms, PyTorch on cpu, 2 threads, one',
        'ms, PyTorch on cpu, 2 threads, two',
    ]
    assert all(line.endswith(': `bench`.') for line in latencies.origins(columns, 'b.csv'))
    (entry,) = read_index(checkout)
    assert [latencies.cell(entry, setting) for setting in columns] == ['1.00', '2.00']


def test_long_commands_are_left_to_the_file(checkout):
    row = f'{NAME},pytorch,cpu,2,1,network,128x96,1402000,1,2.5,bench {"model " * 30},box'
    write(checkout, 'b.csv', HEADER + row)
    latencies = read_latencies(checkout, 'b.csv')
    (line,) = latencies.origins(latencies.columns(read_index(checkout)), 'b.csv')
    assert line.endswith('from [b.csv](b.csv): its column `command` has the commands.')


def test_a_benchmark_of_another_network_is_found(checkout):
    write(
        checkout, 'b.csv', f'{HEADER}{NAME},pytorch,cpu,2,1,network,128x96,1500000,9,2.5,bench,box'
    )
    assert read_latencies(checkout, 'b.csv').find_problems(read_index(checkout)) == [
        f'b.csv: {NAME} has 1500000 parameters there and 1.402 M in {METAFILE}: run the benchmark again'
    ]


@pytest.mark.parametrize(
    'text, message',
    [
        ('model,engine\ntiny,pytorch', 'b.csv has no column device, threads, batch'),
        (f'{HEADER}x,pytorch,cpu,2,1,network,1x1,1,slow,2,b,c', 'b.csv: the median_ms of x is no'),
    ],
)
def test_a_broken_benchmark_is_named(checkout, capsys, text, message):
    write(checkout, 'b.csv', text)
    assert update_model_tables.main(['--root', str(checkout), '--benchmark', 'b.csv']) == 1
    assert f'update_model_tables: {message}' in capsys.readouterr().err


def test_a_benchmark_that_is_named_must_be_there(checkout, capsys):
    assert update_model_tables.main(['--root', str(checkout), '--benchmark', 'no.csv']) == 1
    assert 'no.csv' in capsys.readouterr().err
    assert read_latencies(checkout, None).rows == Latencies('docs/benchmark.csv').rows == {}
