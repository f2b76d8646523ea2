# A small LADPose on photographs, taught by SDPose-N: DistilPose's losses and L_A.
_base_ = ['./td-reg_ladpose-n_1xb256-60e_photos-256x192.py']

model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher='td-hm_sdpose-n_1xb256-60e_photos-256x192',
    teacher_ckpt='mmpose_sdpose://sdpose-n_photos-256x192.pth',
    losses=dict(
        **_base_.distilpose_losses,
        attention=dict(
            type='AttentionTransferLoss',
            layer_pairs=[(1, 2), (2, 3), (3, 4)],
            loss_weight=0.05,
        ),
    ),
)
