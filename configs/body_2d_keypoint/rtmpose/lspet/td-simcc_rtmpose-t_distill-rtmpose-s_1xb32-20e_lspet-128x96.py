# RTMPose-t taught by RTMPose-s with DWPose's losses, whose weights fall to 0 along a line.
_base_ = ['./td-simcc_rtmpose-t_1xb32-20e_lspet-128x96.py']

teacher = 'td-simcc_rtmpose-s_1xb32-20e_lspet-128x96'
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    losses=_base_.dwpose_losses,
)
fading = dict(type='linear', end=0, until=_base_.train_cfg.max_epochs)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='LossWeightHook', schedules=dict(features=fading, simcc=fading)),
]
