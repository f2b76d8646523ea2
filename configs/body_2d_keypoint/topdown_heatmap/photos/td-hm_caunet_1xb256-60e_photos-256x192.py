# The backbone of LADPose under a convolution, as StemNet in the config beside it.
_base_ = ['./td-hm_stemnet_1xb256-60e_photos-256x192.py']

model = dict(backbone=dict(type='CAUNet'))
