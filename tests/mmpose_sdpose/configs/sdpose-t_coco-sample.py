# SDPose-T learns the 12 people of four real COCO photos by heart: the whole path on real input.
_base_ = [
    '../../../configs/body_2d_keypoint/sdpose/coco/td-hm_sdpose-t_8xb64-300e_coco-256x192.py',
    './coco_sample.py',
]

# No augmentation, cross-entropy, half a cosine: to know 12 people, not to generalise from them.
train_cfg = dict(max_epochs=120, val_interval=1000)
optim_wrapper = dict(optimizer=dict(lr=1e-3), clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=20, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=20, end=240, T_max=220, by_epoch=False),
]
model = dict(head=dict(loss=dict(type='HeatmapCrossEntropyLoss')), test_cfg=dict(flip_test=False))
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=20, max_keep_ckpts=1, save_best=None),
)
pipeline = [*_base_.val_pipeline[:-1], *_base_.train_pipeline[-2:]]
train_dataloader = dict(
    dataset=dict(pipeline=pipeline, **_base_.sample_dataset), **_base_.sample_train
)
val_dataloader = _base_.sample_val
test_dataloader = val_dataloader
val_evaluator = _base_.sample_evaluator
test_evaluator = val_evaluator
