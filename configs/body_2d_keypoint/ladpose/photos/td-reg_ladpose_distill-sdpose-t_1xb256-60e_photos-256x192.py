# LADPose on photographs, taught by SDPose-T: DistilPose's losses, L_A, and features, since the backbones
# of both give 256 channels at stride 4. Its tokens, patch embedding and first six layers start as the
# teacher's; its backbone, in the reported training, as td-hm_caunet_1xb256-60e_photos-256x192 left it
# (load_from).
_base_ = ['./td-reg_ladpose_1xb256-60e_photos-256x192.py']

teacher = 'td-hm_sdpose-t_1xb256-60e_photos-256x192'
tokens = ('head.mct.keypoint_tokens', 'head.mct.patch_embed')
layers = tuple(f'head.mct.encoder.layers.{number}' for number in range(6))
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    start_from_teacher={name: name for name in tokens + layers},
    losses=dict(
        **_base_.distilpose_losses,
        attention=dict(type='AttentionTransferLoss', layer_pairs=[(6, 6)], loss_weight=0.05),
        features=dict(type='FeatureLoss', module='backbone[-1]', loss_weight=0.05),
    ),
)
