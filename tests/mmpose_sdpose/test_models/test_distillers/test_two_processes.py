"""Two processes with half a batch each give what one process gives with the whole."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.model import MMDistributedDataParallel

from ...small_models import build, packed_batch, token_heatmap_model, token_regression_model

# Raw pixels, no backbone: batch norm would see another batch in each process.
PIXELS = dict(in_channels=3, in_featuremap_size=(24, 32), patch_size=(16, 12))


def make_distiller() -> torch.nn.Module:
    backbone = dict(type='IdentityBackbone')
    token = dict(type='TokenDistanceLoss', loss_weight=0.1)
    return build(
        dict(
            type='TopdownDistiller',
            student={**token_regression_model(**PIXELS, num_cycles=2), 'backbone': backbone},
            teacher={**token_heatmap_model(**PIXELS), 'backbone': backbone},
            allow_untrained=True,
            losses=dict(
                visual_tokens=token,
                keypoint_tokens=token,
                attention=dict(type='AttentionTransferLoss', layer_pairs=[(3, 4)]),
                scores=dict(type='ScoreLoss'),
                simulated_heatmaps=dict(type='SimulatedHeatmapLoss'),
            ),
        )
    )


def loss_and_gradients(model, batch: dict) -> tuple[float, dict[str, torch.Tensor]]:
    plain = getattr(model, 'module', model)
    losses = model(**plain.data_preprocessor(batch, training=True), mode='loss')
    total = sum(value for name, value in losses.items() if 'loss' in name)
    total.backward()
    return total.item(), {name: p.grad for name, p in plain.named_parameters()}


def half(batch: dict, index: int) -> dict:
    return {name: values[2 * index : 2 * index + 2] for name, values in batch.items()}


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    store = dist.FileStore(f'{folder}/store', 2)
    dist.init_process_group('gloo', store=store, rank=rank, world_size=2)
    model = MMDistributedDataParallel(make_distiller())
    loss, gradients = loss_and_gradients(model, half(packed_batch(4), rank))
    torch.save((loss, gradients), f'{folder}/{rank}.pth')
    dist.destroy_process_group()


def test_two_processes_equal_one_with_the_joined_batch():
    expected_loss, expected = loss_and_gradients(make_distiller(), packed_batch(4))
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, (folder,), nprocs=2)
        results = [torch.load(Path(folder) / f'{rank}.pth') for rank in (0, 1)]
    mean = torch.tensor([loss for loss, _ in results]).mean().item()
    torch.testing.assert_close(mean, expected_loss, rtol=1e-5, atol=0)
    for name, gradient in expected.items():
        for _, gradients in results:
            torch.testing.assert_close(gradients[name], gradient, rtol=1e-4, atol=1e-6)
