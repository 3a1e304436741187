"""Words and sentence frames of the generated corpus, our own. `{n}` and `{m}` are filled with numbers."""

from csft.sample import world


def _some(text: str) -> list[str]:
    return [word.strip() for word in text.split("|")]


_POOLS = world.build().pools
SLOTS = {
    "drug": _POOLS["drug"],
    "disease": _POOLS["disease"],
    "when": _some(
        "最近|三天前|半个月来|昨天晚上|上周末|今年春天|去年冬天|饭后|清晨起床时|夜里|运动以后|产后|近两年|换季时"
    ),
    "who": _some(
        "患者|孩子|我母亲|我父亲|我本人|老人|爱人|同事|宝宝|邻居|一位中年男性|一位年轻女性|奶奶|外公|学生"
    ),
    "part": _some(
        "胃部|右膝|左肩|腰部|胸口|后背|小腿|头顶|咽喉|腹部|手指关节|眼睛周围|颈椎|脚踝|耳朵里面|皮肤表面|牙龈|鼻腔"
    ),
    "sign": _some(
        "隐隐作痛|发胀|麻木|有灼热感|反复出血|瘙痒|红肿|有压痛|活动受限|起了小红点|明显怕冷|跳动得厉害|分泌物增多|"
        "有异物感|持续抽搐|肿块变大"
    ),
    "grade": _some(
        "比较明显|时轻时重|逐渐加重|能够忍受|休息后缓解|影响睡眠|没有规律|一天好几次|服药后好转|比以前减轻"
    ),
    "test": _some(
        "血常规|腹部彩超|胸部拍片|胃镜|核磁共振|心电图|肝功能|甲状腺功能|尿常规|骨密度|病理切片|过敏原检测|脑电图|肠镜"
    ),
    "found": _some(
        "未见明显异常|提示轻度炎症|显示有积液|数值偏高|数值偏低|发现一个小结节|可见低密度影|回声不均匀|有少量渗出|边界清楚"
    ),
    "illness": _some(
        "慢性胃炎|高血压|糖尿病|颈椎病|过敏性鼻炎|支气管哮喘|缺铁性贫血|痛风|湿疹|肾结石|脂肪肝|甲状腺结节|冠心病|"
        "腰椎间盘突出|偏头痛|肺结核|中耳炎|乳腺增生|前列腺炎|荨麻疹"
    ),
    "medicine": _some(
        "阿莫西林|奥美拉唑|布洛芬|氯雷他定|二甲双胍|硝苯地平|甲钴胺|头孢克肟|蒙脱石散|左氧氟沙星|叶酸片|维生素|益生菌|逍遥丸"
    ),
    "advice": _some(
        "清淡饮食|多喝温水|避免熬夜|适当锻炼|定期复查|控制体重|戒烟戒酒|注意保暖|热敷局部|保持心情舒畅|少吃辛辣|按时服药|"
        "卧床休息|避免接触过敏原"
    ),
    "unit": _some("天|周|个月|年|小时"),
    "ward": _some(
        "消化内科|骨科|神经内科|皮肤科|妇产科|儿科|心血管科|呼吸科|眼科|耳鼻喉科|泌尿外科|内分泌科"
    ),
    "sick": _some(
        "hypertension|asthma|iron deficiency|chronic gastritis|type 2 diabetes|rheumatoid arthritis|"
        "heart failure|migraine|sepsis|osteoporosis|pneumonia|acute pancreatitis|epilepsy|psoriasis"
    ),
    "agent": _some(
        "metformin|warfarin|prednisone|amoxicillin|propranolol|insulin|aspirin|methotrexate|furosemide|omeprazole|"
        "heparin|levodopa|vancomycin|lithium|statins|magnesium sulfate"
    ),
    "group": _some(
        "elderly patients|children under five|pregnant women|postoperative patients|healthy volunteers|"
        "adolescents|smokers|patients with renal failure|nursing home residents|premature infants"
    ),
    "measure": _some(
        "serum creatinine|blood pressure|survival at one year|length of stay|pain scores|bone density|"
        "plasma glucose|the rate of infection|left ventricular function|quality of life|readmission"
    ),
    "trend": _some(
        "was significantly lower|increased slightly|did not differ|improved over time|was reduced by half|"
        "was independently associated with age|remained stable|correlated with severity"
    ),
    "site": _some(
        "the left ventricle|the renal cortex|the distal femur|the anterior pituitary|the small bowel|"
        "the liver|the cornea|the basal ganglia|the thyroid gland|the inner ear"
    ),
}
FRAMES = {
    "zh": _some(
        "{when}{part}{sign}|{who}{when}{sign}{grade}|{who}今年{n}岁{part}{sign}|{part}{sign}已经{n}{unit}|"
        "{test}{found}|{when}做了{test}说{found}|医生考虑是{illness}|诊断为{illness}后服用{medicine}|"
        "{medicine}每次{n}毫克每天{m}次|口服{medicine}{n}{unit}以后{grade}|{illness}患者应当{advice}|"
        "建议到{ward}检查{test}|{illness}可以引起{part}{sign}|平时要{advice}|{n}{unit}内复查一次{test}|"
        "如果{part}{sign}就要及时就诊|{drug}对{illness}有一定的作用|不排除{disease}的可能|{ward}的{test}{found}"
    ),
    "en": _some(
        "{measure} {trend} in {group} with {sick}|We studied {n} {group} treated with {agent} for {sick}|"
        "{agent} at {n} mg was given to {group}|{sick} most often affects {site} in {group}|"
        "a biopsy of {site} was taken after {n} days of {agent}|"
        "{group} receiving {agent} were followed for {m} years|"
        "lesions of {site} are typical of {sick}|{measure} was measured {m} times before {agent} was stopped|"
        "the risk of {sick} rises with {measure} in {group}"
    ),
}
STOCK = {
    "zh": _some(
        "祝您早日康复|希望我的回答对您有帮助|您好|谢谢医生|请问怎么办|需要注意什么|不用过于担心|根据您的描述|指导意见|"
        "建议及时到正规医院就诊|这种情况需要结合检查|如有不适请及时复诊"
    ),
    "en": _some(
        "further research is needed|our results support this|p was less than 0.05|the mechanism is unknown"
    ),
}
"""Phrases that come again and again."""
ASKED = {
    "zh": _some(
        "最可能的诊断是|{ward}首选的检查是|关于{illness}的叙述错误的是|此时应给予{medicine}的原因是|与{disease}鉴别的要点是"
    ),
    "en": _some(
        "the most likely site is|the first test in {group} is|what is true of {agent}|{sick} is due to"
    ),
}
"""What an exam question ends in, so that no dialogue contains one by chance."""
NOUNS = {"zh": ("illness", "medicine", "test", "part"), "en": ("sick", "agent", "site", "measure")}
"""Slots whose words are an exam question's options."""
JOIN = {"zh": ("，", "。"), "en": (". ", ".")}
"""What stands between clauses, and at the end."""
