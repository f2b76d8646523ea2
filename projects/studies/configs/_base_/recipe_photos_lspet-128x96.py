# Recipe of the scale photos: people in sport (LSPET, 14 joints) at 128x96. The data: `mim run
# mmpose_sdpose convert_lspet ARCHIVE --out data/lspet`, or say in LSPET_ROOT where it is. What decides
# how people are augmented and what targets are made of is here, for all arms alike.
_base_ = ['../../../../configs/_base_/token_heatmap_lspet.py']

augmentation = _base_.augmentation
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    *augmentation,
    dict(type='TopdownAffine', input_size=_base_.codec.input_size),
    dict(type='GenerateTarget', encoder=_base_.codec),
    dict(type='PackPoseInputs'),
]
# Pictures are small: loading them here costs less than handing them over from another process.
in_process = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(**in_process, dataset=dict(pipeline=train_pipeline))
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
