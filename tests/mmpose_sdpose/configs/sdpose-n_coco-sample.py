# The short version of sdpose-t_coco-sample.py: the demo's small model at 128x96, a minute or so.
_base_ = [
    '../../../configs/body_2d_keypoint/sdpose/synthpose/td-hm_sdpose-n_2xb16-16e_synthpose-128x96.py',
    './coco_sample.py',
]

load_from = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'

train_cfg = dict(max_epochs=120, val_interval=1000)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=10, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=10, end=120, T_max=110, by_epoch=False),
]
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=120, save_best=None))
pipeline = [*_base_.val_pipeline[:-1], *_base_.train_pipeline[-2:]]
train_dataloader = dict(
    dataset=dict(pipeline=pipeline, **_base_.sample_dataset), **_base_.sample_train
)
val_dataloader = _base_.sample_val
test_dataloader = val_dataloader
val_evaluator = _base_.sample_evaluator
test_evaluator = val_evaluator
