# SDPose-N with the losses of the package that no config of its own has: maps of a convolutional teacher.
_base_ = [
    '../../../configs/body_2d_keypoint/sdpose/synthpose/'
    'td-hm_sdpose-n_distill-res18-thin_2xb16-16e_synthpose-128x96.py'
]

model = dict(
    losses=dict(
        heatmaps=dict(type='HeatmapKLLoss'),
        channels=dict(type='ChannelWiseLoss', module='backbone[-1]'),
        relations=dict(type='RelationalLoss', module='backbone[-1]'),
    )
)
