# What keypoint tokens give: heatmaps, or distributions over x and y as RTMPose has them.
_base_ = ['./_base_/scales.py']

title = 'Heatmaps or SimCC'
question = (
    'Does the same model find joints in photographs better if its tokens give heatmaps, or if they give '
    'SimCC distributions over x and over y, two bins a pixel?'
)
scales = dict(_delete_=True, photos=_base_.photos)

runs = dict(
    heatmaps=dict(label='SDPose, heatmaps', model='sdpose'),
    simcc=dict(label='SDPose, SimCC', model='sdpose_simcc'),
)
