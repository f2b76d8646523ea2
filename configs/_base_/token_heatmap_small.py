# Small token heatmap models at 128x96 and a schedule for trials on a CPU; the bases of small data sets
# add the data.
_base_ = ['./token_heatmap.py', './small_model.py']

# AdamW, gradient clipping and mild augmentation: a small model leaves the mean pose after far fewer
# steps than with the published recipe.
train_cfg = dict(max_epochs=16, val_interval=1)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=200, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=16,
        T_max=16,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=32)

codec = dict(
    type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5, unbiased=True
)
model = dict(
    backbone=_base_.small_backbone,
    head=dict(
        **_base_.small_head,
        in_featuremap_size=(6, 8),
        loss=dict(loss_weight=100),  # about 1 at the start
        decoder=codec,
        init_cfg=[
            dict(type='Xavier', layer='Linear', distribution='uniform'),
            dict(type='TruncNormal', layer='Conv2d', std=0.1),
        ],
    ),
    test_cfg=dict(flip_test=False),
)

train_pipeline = [
    *_base_.train_pipeline[:3],
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.05,
        scale_factor=(0.8, 1.2),
        rotate_factor=30,
    ),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    *_base_.val_pipeline[:-2],
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]

train_dataloader = dict(batch_size=16, num_workers=1)
val_dataloader = dict(batch_size=64, num_workers=1)
test_dataloader = val_dataloader

# Every epoch, so that an interrupted trial goes on with --resume.
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=1))
