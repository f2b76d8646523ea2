# What a regression student learns from a heatmap teacher: DistilPose's losses, L_A, and L_A's variants.
_base_ = ['./_base_/scales.py']

title = 'Distillation: a heatmap teacher, a regression student'
question = (
    'Does a student that regresses coordinates learn more from a heatmap teacher by the losses of '
    'DistilPose, by the attention loss L_A, or by both; which form of L_A is best; and does L_A help '
    'between the cycles of one SDPose?'
)

teacher = {'model.teacher_ckpt': 'run:teacher'}
runs = dict(
    teacher=dict(label='the teacher', model='teacher', once=True),
    alone=dict(label='student alone', model='student', group='student'),
    distilpose=dict(
        label="DistilPose's losses",
        model='distilled',
        options={**teacher, 'model.losses.attention': None},
        group='student',
    ),
    attention=dict(
        label='L_A alone',
        model='distilled',
        options={**teacher, **_base_.attention_alone},
        group='student',
    ),
    both=dict(
        label="DistilPose's losses and L_A", model='distilled', options=teacher, group='student'
    ),
    last_layers=dict(
        label='L_A alone, last layers only',
        model='distilled_last_layers',
        options={**teacher, **_base_.attention_alone},
        group='student',
    ),
    squared=dict(
        label='L_A alone, squared distance',
        model='distilled',
        options={**teacher, **_base_.attention_alone, 'model.losses.attention.distance': 'mse'},
        group='student',
    ),
    whole_map=dict(
        label='L_A alone, every row and column of the map',
        model='distilled',
        options={**teacher, **_base_.attention_alone, 'model.losses.attention.whole_map': True},
        group='student',
    ),
    each_head=dict(
        label='L_A alone, head by head',
        model='distilled',
        options={**teacher, **_base_.attention_alone, 'model.losses.attention.each_head': True},
        group='student',
    ),
    # The same config as in the study of cycles, whose runs are used.
    sdpose=dict(
        label='SDPose: 2 cycles',
        model='sdpose',
        options={'model.head.num_cycles': 2},
        group='between cycles',
    ),
    cycle_attention=dict(
        label='SDPose, and L_A from its last cycle to its first',
        model='sdpose_cycle_attention',
        options={'model.head.num_cycles': 2},
        group='between cycles',
    ),
)
