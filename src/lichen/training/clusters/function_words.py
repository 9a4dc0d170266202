"""Words of grammar in the two languages: they stand everywhere and name no topic."""

from lichen.pipeline.terms import CHINESE, ENGLISH

_ENGLISH = """
a about above after again against all also am an and any are as at be because been before being
below between both but by can could did do does doing down during each even few for from further
get going got had has have having he her here hers him his how i if in into is it its itself just
know like make many may me might more most much must my no nor not now of off on once one only or
other our ours out over own said same say see she should so some such than that the their theirs
them then there these they thing things think this those through to too under until up us use used
very was we well were what when where which while who whom why will with within would year years
yes you your yours
"""
_CHINESE = """
一个 一下 一些 一天 一直 一段 一次 一样 一闪 不会 不到 不好 不得 不敢 不能 不要 不是 两个
两天 为了 之后 也是 了解 什么 今天 他们 以前 以后 以及 但是 你们 但 使用 其中 其他 其实 几个
出来 出现 别人 到处 半个 半年 只有 可以 可能 各种 因为 多少 多久 大家 天天 太多 如果 如何
它们 完全 家里 小时 就是 已经 希望 应该 开始 很多 怀疑 怎么 怎样 总是 我们 我家 所以 所有
所有人 或者 昨天 昨晚 时候 星期 晚上 最近 有些 有时 有点 有的 没人 没有 没法 现在 直接 看到
知道 第二天 自己 自家 虽然 要求 让人 请问 起来 越来越 这个 这些 这样 这里 还是 进行 那个
都是 里面 需要 非常 靠近
"""
FUNCTION_WORDS = {
    ENGLISH: frozenset(_ENGLISH.split()),
    CHINESE: frozenset(_CHINESE.split()),
}
"""By language."""
