# The short version of sdpose-t_coco-sample.py: the demo's small model at 128x96, a minute or so.
_base_ = [
    '../../configs/body_2d_keypoint/sdpose/synthpose/td-hm_sdpose-n_2xb16-16e_synthpose-128x96.py'
]

data_root = '{{$MMPOSE_SDPOSE_DATA:data}}/coco_sample/'

train_cfg = dict(max_epochs=120, val_interval=1000)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=10, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=10, end=120, T_max=110, by_epoch=False),
]
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=120, save_best=None),
)
train_dataloader = dict(
    batch_size=12,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        ann_file='test_coco.json',
        data_prefix=dict(img=''),
        pipeline=[*_base_.val_pipeline[:-1], *_base_.train_pipeline[-2:]],
    ),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        ann_file='test_coco.json',
        data_prefix=dict(img=''),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'test_coco.json')
test_evaluator = val_evaluator
