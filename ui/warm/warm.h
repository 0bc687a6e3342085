int warm_prepare(void);
void warm_up(void);
