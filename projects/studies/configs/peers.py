# Small models of MMPose, built from its own configs, beside ours: the same data, steps, augmentation.
_base_ = ['./_base_/scales.py']

title = 'Peers'
question = (
    'What does a user get from the small models of MMPose with the same data, steps and augmentation, '
    'and at what cost? Nothing starts from weights of other data.'
)
micro = dict(
    _base_.micro_from_nothing,
    about='SynthPose of lone people who face the camera, at 96x64; SDPose and TokenPose: thin '
    'ResNet-18, 4 layers of 128 channels over 17 + 24 tokens, cross-entropy heatmaps; the others as '
    'MMPose has them. Token models and RTMPose (at a quarter of the learning rate, which it needs) '
    'train their backbone first, for half as many steps under a heatmap head; the others have the '
    'steps of both',
)
photos = dict(
    _base_.photos,
    about='LSPET (people in sport, 14 joints) at 128x96; SDPose and TokenPose: thin ResNet-18, 4 layers '
    'of 128 channels over 14 + 48 tokens, cross-entropy heatmaps; the others as MMPose has them. Token '
    'models and RTMPose (at half the learning rate) train their backbone first, for half as many steps '
    'under a heatmap head; the others have the steps of both; no flip test',
)
scales = dict(_delete_=True, micro=micro, photos=photos, small=_base_.small, full=_base_.full)

runs = dict(
    sdpose=dict(label='SDPose', model='sdpose_untrained'),
    sdpose_simcc=dict(label='SDPose, SimCC', model='sdpose_simcc_untrained'),
    tokenpose=dict(
        label='TokenPose', model='sdpose_untrained', options={'model.head.num_cycles': 1}
    ),
    rtmpose_t=dict(label='RTMPose-t', model='rtmpose_t'),
    rtmpose_s=dict(label='RTMPose-s', model='rtmpose_s'),
    litehrnet=dict(label='LiteHRNet-18', model='litehrnet'),
    mobilenetv2=dict(label='MobileNetV2, heatmaps', model='mobilenetv2'),
    shufflenetv2=dict(label='ShuffleNetV2, heatmaps', model='shufflenetv2'),
    resnet18=dict(label='ResNet-18, heatmaps', model='resnet18'),
)
