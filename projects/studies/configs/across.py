# What one kind of model learns from another: SimCC from SimCC, tokens from a convolutional teacher's
# features, regression from a heatmap model's attention.
_base_ = ['./_base_/scales.py']

title = 'Distillation across kinds of models'
question = (
    'Does RTMPose-t learn more from the SimCC distributions or from the features of a trained '
    'RTMPose-s, SDPose-N from the features of a trained ResNet-18 heatmap model, and LADPose-N from '
    'the attention of SDPose-N, than from the labels alone?'
)
scales = dict(_delete_=True, photos=_base_.photos)

simcc_teacher = {'model.teacher_ckpt': 'run:rtmpose_s'}
runs = dict(
    rtmpose_s=dict(
        label='RTMPose-s, a teacher', model='own_rtmpose_s', once=True, group='own_rtmpose_s'
    ),
    resnet18=dict(
        label='ResNet-18 to stride 16, a teacher',
        model='wide_heatmaps',
        once=True,
        group='wide_heatmaps',
    ),
    sdpose_teacher=dict(
        label='SDPose-N, a teacher', model='sdpose_long', once=True, group='sdpose_long'
    ),
    rtmpose=dict(label='RTMPose-t alone', model='own_rtmpose_t', group='RTMPose-t'),
    rtmpose_simcc=dict(
        label='RTMPose-t, SimCC of RTMPose-s',
        model='rtmpose_t_distilled',
        options={**simcc_teacher, 'model.losses.features': None},
        group='RTMPose-t',
    ),
    rtmpose_features=dict(
        label='RTMPose-t, features of RTMPose-s',
        model='rtmpose_t_distilled',
        options={**simcc_teacher, 'model.losses.simcc': None},
        group='RTMPose-t',
    ),
    sdpose=dict(label='SDPose-N alone', model='sdpose_untrained', group='SDPose-N'),
    sdpose_features=dict(
        label='SDPose-N, features of ResNet-18',
        model='sdpose_features',
        options={'model.teacher_ckpt': 'run:resnet18'},
        group='SDPose-N',
    ),
    ladpose=dict(label='LADPose-N alone', model='student', group='LADPose-N'),
    ladpose_attention=dict(
        label='LADPose-N, L_A of SDPose-N',
        model='distilled_by_sdpose',
        options={'model.teacher_ckpt': 'run:sdpose_teacher', **_base_.attention_alone},
        group='LADPose-N',
    ),
)
