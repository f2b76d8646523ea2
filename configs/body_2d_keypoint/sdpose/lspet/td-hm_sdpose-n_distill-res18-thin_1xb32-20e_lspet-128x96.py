# SDPose-N, whose backbone learns the features of the same backbone under a heatmap head.
_base_ = ['./td-hm_sdpose-n_1xb32-20e_lspet-128x96.py']

teacher = 'td-hm_res18-thin_1xb32-20e_lspet-128x96'
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    losses=dict(
        features=dict(
            type='FeatureLoss',
            student_module='backbone[-1]',
            teacher_module='backbone[-1]',
        ),
    ),
)
