# Recipe of the scale photos: people in sport (LSPET, 14 joints) at 128x96. The data: `mim run
# mmpose_sdpose convert_lspet ARCHIVE --out data/lspet`, or say in LSPET_ROOT where it is.
_base_ = ['../../../../configs/_base_/token_heatmap_lspet.py']

# How people are augmented, for all arms alike: whole batches, where the model is. Targets are made there
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
# A picture is 1.7 boxes high, of which the model sees 1.25 in 128 pixels.
train_pipeline = [dict(type='PackPersonCrop', size=176)]

# Pictures are small and kept: handing them over from another process would cost more.
in_process = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    **in_process,
    collate_fn=dict(type='default_collate'),
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(**in_process)
test_dataloader = val_dataloader

# A study stretches this to the length that each model has, and to that of `--epochs`.
train_cfg = dict(max_epochs=6, val_interval=6)
optim_wrapper = dict(optimizer=dict(fused=True))  # a tenth of a step's time on a CPU
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=6,
        T_max=6,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(checkpoint=dict(save_best=None))
