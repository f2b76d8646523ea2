# LADPose-N taught by SDPose-N: DistilPose's losses and L_A.
_base_ = ['./td-reg_ladpose-n_1xb32-20e_lspet-256x192.py']

teacher = 'td-hm_sdpose-n_1xb32-20e_lspet-256x192'
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    losses=dict(
        **_base_.distilpose_losses,
        attention=dict(
            type='AttentionTransferLoss',
            layer_pairs=[(1, 2), (2, 3), (3, 4)],
            loss_weight=0.05,
        ),
    ),
)
