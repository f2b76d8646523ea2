# A small LADPose taught by a small SDPose: DistilPose's losses and L_A.
_base_ = ['./td-reg_ladpose-n_2xb16-16e_synthpose-128x96.py']

model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher='td-hm_sdpose-n_2xb16-16e_synthpose-128x96',
    teacher_ckpt='mmpose_sdpose://sdpose-n_synthpose-128x96.pth',
    losses=dict(
        **_base_.distilpose_losses,
        attention=dict(
            type='AttentionTransferLoss',
            layer_pairs=[(1, 2), (2, 3), (3, 4)],
            loss_weight=0.05,
        ),
    ),
)
