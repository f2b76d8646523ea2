# What drawn people teach a backbone that then learns real photographs.
_base_ = ['./_base_/scales.py']

title = 'Pre-training'
question = (
    'Does SDPose learn more from photographs if its backbone has seen drawn people before, and is that '
    'more than the same photographs teach a backbone that is trained first?'
)
scales = dict(_delete_=True, photos=_base_.photos)

runs = dict(
    nothing=dict(label='from random weights', model='sdpose_from_nothing'),
    first=dict(label='backbone first under a heatmap head, same photos', model='sdpose_untrained'),
    synthpose=dict(label='backbone from SynthPose, packaged weights', model='sdpose'),
)
