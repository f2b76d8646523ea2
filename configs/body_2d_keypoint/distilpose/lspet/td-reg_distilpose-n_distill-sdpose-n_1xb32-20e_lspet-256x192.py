# DistilPose-N taught by SDPose-N, from whose checkpoint its backbone starts.
_base_ = ['./td-reg_distilpose-n_1xb32-20e_lspet-256x192.py']

teacher = 'td-hm_sdpose-n_1xb32-20e_lspet-256x192'
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    start_from_teacher=['backbone'],
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    losses=_base_.distilpose_losses,
)
