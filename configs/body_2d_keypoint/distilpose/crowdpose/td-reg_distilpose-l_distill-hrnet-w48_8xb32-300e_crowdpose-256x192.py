# DistilPose-L taught by the HRNet-W48 teacher, from whose checkpoint its backbone starts.
_base_ = ['./td-reg_distilpose-l_8xb32-300e_crowdpose-256x192.py']

teacher = 'td-hm_tokenpose-hrnet-w48_8xb64-300e_crowdpose-256x192'
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    start_from_teacher=['backbone'],
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    losses=_base_.distilpose_losses,
)
