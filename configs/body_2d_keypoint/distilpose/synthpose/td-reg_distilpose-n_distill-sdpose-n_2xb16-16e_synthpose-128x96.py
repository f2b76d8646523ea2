# A small DistilPose taught by a small SDPose, from whose checkpoint its backbone starts.
_base_ = ['./td-reg_distilpose-n_2xb16-16e_synthpose-128x96.py']

model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    start_from_teacher=['backbone'],
    teacher='td-hm_sdpose-n_2xb16-16e_synthpose-128x96',
    teacher_ckpt='mmpose_sdpose://sdpose-n_synthpose-128x96.pth',
    losses=_base_.distilpose_losses,
)
