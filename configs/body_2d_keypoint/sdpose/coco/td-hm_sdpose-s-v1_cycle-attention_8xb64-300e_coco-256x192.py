# SDPose-S-V1 whose last cycle's attention teaches the first one's: ours, joins both papers.
_base_ = ['./td-hm_sdpose-s-v1_8xb64-300e_coco-256x192.py']

model = dict(
    head=dict(
        attention_loss=dict(
            type='AttentionTransferLoss',
            layer_pairs=[(4, 4), (8, 8), (12, 12)],
            loss_weight=1e-3,
        ),
    ),
)
