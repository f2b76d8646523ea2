# LADPose taught by the HRNet-W48 teacher of DistilPose: DistilPose's losses and L_A.
_base_ = ['./td-reg_ladpose_8xb64-300e_crowdpose-256x192.py']

teacher = 'td-hm_tokenpose-hrnet-w48_8xb64-300e_crowdpose-256x192'
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    losses=dict(
        **_base_.distilpose_losses,
        attention=dict(type='AttentionTransferLoss', loss_weight=0.05),
    ),
)
