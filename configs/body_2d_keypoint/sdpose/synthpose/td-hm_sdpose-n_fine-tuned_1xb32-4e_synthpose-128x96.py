# The small SDPose goes on, with two cycles, from the packaged weights, which were trained with one on
# another SynthPose.
_base_ = ['./td-hm_sdpose-n_2xb16-16e_synthpose-128x96.py']

load_from = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'

model = dict(test_cfg=dict(flip_test=True))  # as the published configs

train_cfg = dict(max_epochs=4)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=4,
        T_max=4,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_dataloader = dict(batch_size=32)
default_hooks = dict(logger=dict(interval=10))
