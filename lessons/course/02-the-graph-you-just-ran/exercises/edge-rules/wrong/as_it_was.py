# hint: late
def rules(slopes):
    made = []
    for slope in slopes:
        made.append(lambda arriving: arriving * slope)
    return made
