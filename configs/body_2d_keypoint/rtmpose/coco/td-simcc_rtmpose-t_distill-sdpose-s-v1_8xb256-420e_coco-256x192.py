# RTMPose-t taught by SDPose-S-V1: where joints are, and its last visual tokens as a feature map.
# The weights are not tuned.
_base_ = ['./td-simcc_rtmpose-t_8xb256-420e_coco-256x192.py']

teacher = 'td-hm_sdpose-s-v1_8xb64-300e_coco-256x192'
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    losses=dict(
        coordinates=dict(type='L1Loss', use_target_weight=True),
        features=dict(
            type='FeatureLoss',
            student_module='backbone[-1]',
            teacher_module='head.mct.encoder.layers[11]',
            teacher_grid=(16, 16),
            loss_weight=0.1,
        ),
    ),
)
