# The three in a training, on SynthPose.
_base_ = ['configs/_base_/token_regression_synthpose.py']
custom_imports = dict(imports=['mmpose_sdpose', 'own_loss', 'own_quantity', 'own_head'])

head = dict(
    type='BoxHead',
    in_channels=128,
    num_joints=17,
    loss=dict(type='SmoothL1Loss', use_target_weight=True),
    decoder=_base_.codec,
)
student = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=_base_.model.data_preprocessor,
    backbone=dict(type='ThinResNet'),
    neck=dict(type='GlobalAveragePooling'),
    head=head,
)
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=student,
    teacher='td-hm_sdpose-n_2xb16-16e_synthpose-128x96',
    teacher_ckpt='mmpose_sdpose://sdpose-n_synthpose-128x96.pth',
    losses=dict(bones=dict(type='BoneDirectionLoss', step=2, loss_weight=0.1)),
)
