# DWPose's second stage: RTMPose-s keeps the backbone that it learned in the first, and a new head on it
# learns the distributions of all joints from the old one, and nothing from labels.
_base_ = ['./td-simcc_rtmpose-s_8xb256-420e_coco-256x192.py']

model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    start_from_teacher=['backbone'],
    frozen=['backbone'],
    student_loss_weight=0.0,
    teacher='td-simcc_rtmpose-s_8xb256-420e_coco-256x192',
    teacher_ckpt='checkpoints/td-simcc_rtmpose-s_distill-rtmpose-m_8xb256-420e_coco-256x192.pth',
    losses=dict(simcc=dict(_base_.dwpose_losses.simcc, loss_weight=1.0)),
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))

# DWPose's config keeps the learning rate; here it falls in the second half, as in the first stage.
train_cfg = dict(max_epochs=60)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], begin=30, end=60, T_max=30),
]
