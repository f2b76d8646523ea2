# RTMPose on COCO. This is not RTMPose's recipe: that one changes colours, blurs and covers parts of the
# image (which needs MMDetection and albumentations), less so in the last 30 epochs, and averages the
# weights. Optimizer, schedule and geometric augmentation are RTMPose's.
_base_ = ['./token_heatmap_coco.py', './rtmpose.py']

train_cfg = dict(max_epochs=420)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=4e-3, weight_decay=0.0),
    paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0, bypass_duplicate=True),
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=1000, start_factor=1e-5, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=210,
        end=420,
        T_max=210,
        eta_min=2e-4,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=1024)

label = _base_.simcc_256x192
codec = dict(_delete_=True, **label)
model = dict(
    backbone=dict(_delete_=True, **_base_.cspnext),
    head=dict(_delete_=True, **_base_.rtmcc_head_256x192),
    test_cfg=dict(_delete_=True, flip_test=True),
)

train_pipeline = [
    *_base_.train_pipeline[:4],
    dict(type='RandomBBoxTransform', scale_factor=(0.6, 1.4), rotate_factor=80),
    dict(type='TopdownAffine', input_size=label['input_size']),
    dict(type='GenerateTarget', encoder=label),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(batch_size=256, num_workers=10, dataset=dict(pipeline=train_pipeline))
