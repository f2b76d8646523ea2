# DistilPose-S taught by TokenPose-S-V1.
_base_ = ['./td-reg_distilpose-s_8xb32-300e_crowdpose-256x192.py']

teacher = 'td-hm_tokenpose-s-v1_8xb64-300e_crowdpose-256x192'
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    losses=_base_.distilpose_losses,
)
