# What cycles, supervision of every cycle and the token distances bring to the one pass that is deployed.
_base_ = ['./_base_/scales.py']

title = 'Cycles and self-distillation'
question = (
    'Does training with several cycles improve the single pass that is deployed, and which part of '
    'SDPose does it: supervising every cycle, the token distances, or the direction of their gradient? '
    'All runs cost the same at test time but the untied one, which has the layers that the cycles share.'
)

no_distances = {'model.head.visual_token_loss': None, 'model.head.keypoint_token_loss': None}
stop_gradient = {
    'model.head.visual_token_loss.detach_teacher': True,
    'model.head.keypoint_token_loss.detach_teacher': True,
}
runs = dict(
    tokenpose=dict(
        label='TokenPose: 1 cycle', model='sdpose', options={'model.head.num_cycles': 1}
    ),
    supervised=dict(
        label='2 cycles, each supervised',
        model='sdpose',
        options={'model.head.num_cycles': 2, **no_distances},
    ),
    sdpose=dict(
        label='SDPose: 2 cycles, each supervised, token distances',
        model='sdpose',
        options={'model.head.num_cycles': 2},
    ),
    stop_gradient=dict(
        label='SDPose, gradient stopped into the deeper cycle',
        model='sdpose',
        options={'model.head.num_cycles': 2, **stop_gradient},
    ),
    three_cycles=dict(
        label='SDPose with 3 cycles', model='sdpose', options={'model.head.num_cycles': 3}
    ),
    stop_gradient_weak=dict(
        label='SDPose, gradient stopped, distances weighed a hundredth',
        model='sdpose_weak_distances',
        options={'model.head.num_cycles': 2, **stop_gradient},
    ),
    untied=dict(
        label='TokenPose of twice the depth (untied; costs more)',
        model='sdpose_deep',
        options={'model.head.num_cycles': 1},
    ),
)
