# ResNet-18 taught by a token model, TokenPose-S-V1: its heatmaps.
_base_ = ['./td-hm_res18_8xb64-300e_coco-256x192.py']

teacher = 'td-hm_tokenpose-s-v1_8xb64-300e_coco-256x192'
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    losses=dict(heatmaps=dict(type='KeypointMSELoss', use_target_weight=True)),
)
