# LADPose learns the same 12 people from an SDPose-T that knows them (sdpose-t_coco-sample.py); its
# checkpoint is expected in TEACHER, by default work_dirs/coco_sample/epoch_120.pth.
_base_ = [
    '../../../configs/body_2d_keypoint/ladpose/coco/'
    'td-reg_ladpose_distill-tokenpose-s-v1_8xb64-300e_coco-256x192.py',
    './coco_sample.py',
]

train_cfg = dict(max_epochs=160, val_interval=1000)
optim_wrapper = dict(optimizer=dict(lr=1e-3), clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=20, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=20, end=160, T_max=140, by_epoch=False),
]
model = dict(
    # Knowing 12 people takes exact coordinates more than it takes the teacher's ways.
    student=dict(head=dict(loss=dict(loss_weight=20.0)), test_cfg=dict(flip_test=False)),
    teacher='{{ fileDirname }}/sdpose-t_coco-sample.py',
    teacher_ckpt='{{$TEACHER:work_dirs/coco_sample/epoch_120.pth}}',
    losses=dict(attention=dict(layer_pairs=[(3, 2), (6, 4), (9, 6)])),
)
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
