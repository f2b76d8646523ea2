# A small LADPose on photographs, taught by SDPose-N: DistilPose's losses, L_A, and features, since both
# backbones give 128 channels at stride 16. It starts from the teacher's keypoint tokens, patch embedding
# and layers 2 to 4, as DistilBERT starts from some of its teacher's layers.
_base_ = ['./td-reg_ladpose-n_1xb256-60e_photos-256x192.py']

model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher='td-hm_sdpose-n_1xb256-60e_photos-256x192',
    teacher_ckpt='mmpose_sdpose://sdpose-n_photos-256x192.pth',
    start_from_teacher={
        'head.mct.keypoint_tokens': 'head.mct.keypoint_tokens',
        'head.mct.patch_embed': 'head.mct.patch_embed',
        'head.mct.encoder.layers.0': 'head.mct.encoder.layers.1',
        'head.mct.encoder.layers.1': 'head.mct.encoder.layers.2',
        'head.mct.encoder.layers.2': 'head.mct.encoder.layers.3',
    },
    losses=dict(
        **_base_.distilpose_losses,
        attention=dict(
            type='AttentionTransferLoss',
            layer_pairs=[(1, 2), (2, 3), (3, 4)],
            loss_weight=0.05,
        ),
        features=dict(type='FeatureLoss', module='backbone[-1]', loss_weight=0.05),
    ),
)
