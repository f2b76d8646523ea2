# DWPose's second stage: RTMPose-s keeps the backbone that it learned in the first, and a new head on it
# is taught by the old one, which the distributions of all joints come from.
_base_ = ['./td-simcc_rtmpose-s_8xb256-420e_coco-256x192.py']

model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=dict(
        _base_.model,
        backbone=dict(_base_.model.backbone, frozen_stages=4, norm_eval=True, init_cfg=None),
    ),
    backbone_from_teacher=True,
    teacher='td-simcc_rtmpose-s_8xb256-420e_coco-256x192',
    teacher_ckpt='checkpoints/td-simcc_rtmpose-s_distill-rtmpose-m_8xb256-420e_coco-256x192.pth',
    losses=dict(simcc=dict(_base_.dwpose_losses.simcc, loss_weight=1.0)),
)
find_unused_parameters = True  # of the backbone, which is frozen when the training begins
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))

# A fifth of the time. DWPose's config keeps the learning rate as it is; here it falls as in the first stage.
train_cfg = dict(max_epochs=60)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], begin=30, end=60, T_max=30),
]
