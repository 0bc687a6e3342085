void warm_start(void);
