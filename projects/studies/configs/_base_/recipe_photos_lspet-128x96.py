# Recipe of the scale photos: people in sport (LSPET, 14 joints) at 128x96. The data: `mim run
# mmpose_sdpose convert_lspet ARCHIVE --out data/lspet`, or say in LSPET_ROOT where it is.
_base_ = ['../../../../configs/_base_/token_heatmap_lspet.py']

# The augmentation of the LSPET configs, for all arms alike: whole batches, where the model is; several
# runs at the same time on one accelerator would wait for their loaders otherwise. Targets are made there
# too, of each model's codec; models of heatmaps have the one of this recipe.
same_heatmaps = True
data_preprocessor = dict(
    type='DeviceAugmentation',
    codec=_base_.codec,
    metainfo=dict(from_file='configs/_base_/datasets/crowdpose.py'),
    half_body_prob=0.0,
    scale_factor=(0.7, 1.3),
    rotate_factor=60,
    shift_factor=0.05,
)
# Pictures are small and kept: handing them over from another process would cost more. They are 1.7 boxes
# high, of which the model sees 1.25 in 128 pixels.
in_process = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    **in_process,
    batch_size=64,
    collate_fn=dict(type='default_collate'),
    dataset=dict(pipeline=[dict(type='PackPersonCrop', size=176)]),
)
val_dataloader = dict(**in_process)
test_dataloader = val_dataloader

# A study stretches this to the length that each model has, and to that of `--epochs`.
train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=12, val_interval=12)
optim_wrapper = dict(optimizer=dict(fused=True))  # a tenth of a step's time on a CPU
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=12,
        T_max=12,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(checkpoint=dict(save_best=None))
