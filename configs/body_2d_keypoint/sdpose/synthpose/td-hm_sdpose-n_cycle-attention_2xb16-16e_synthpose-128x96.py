# A small SDPose whose last cycle's attention teaches the first one's.
_base_ = ['./td-hm_sdpose-n_2xb16-16e_synthpose-128x96.py']

model = dict(
    head=dict(
        attention_loss=dict(
            type='AttentionTransferLoss',
            layer_pairs=[(2, 2), (4, 4)],
            loss_weight=1e-3,
        ),
    ),
)
