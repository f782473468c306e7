/* SPDX-License-Identifier: Apache-2.0 */
// SPDX-License-Identifier: GPL-2.0
/* Test only, never installed: the guest's side of SEV-SNP or TDX for a guest that QEMU merely
 * emulates. Reports come from the test's signer (tests/teesim/signer.c, "serve", "serve-td"), which
 * sits at the second serial port and says which of the two it is, and go out by the interfaces of
 * the real drivers: configfs-tsm as provider "sev_guest" and /dev/sev-guest ("sev_guest/device":
 * only that, as kernels before 6.7 do), or as "tdx_guest" and /dev/tdx_guest. The port is polled:
 * one user, short messages, no driver to share it with.
 *
 * A message (little endian): "SVRQ", u32 code (0 report or quote, 1 derived key, 2 which provider,
 * 3 TDREPORT), 96 bytes of request as the uapi has them, zero padded; answer: "SVAN", u32 status,
 * u32 size of the body, u32 size of the certificates, body, certificates. */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/serial_reg.h>
#include <linux/slab.h>
#include <linux/tsm.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>
#include <uapi/linux/sev-guest.h>
#include <uapi/linux/tdx-guest.h>

#define PORT        0x2f8
#define TIMEOUT     (20 * HZ)
#define BODY_MAX    SZ_16K
#define REPORT_SIZE 1184
#define KEY_SIZE    32
#define CERTS_MAX   SZ_16K
#define BODY_AT     32 /* in a response of the firmware */

static DEFINE_MUTEX(lock);

struct answer {
        u32 status, size, certs_size;
        u8 body[BODY_MAX];
        u8 certs[CERTS_MAX];
};

/* --- the serial port --- */

static void port_init(void)
{
        outb(0, PORT + UART_IER);
        outb(UART_LCR_DLAB | UART_LCR_WLEN8, PORT + UART_LCR);
        outb(1, PORT + UART_DLL);
        outb(0, PORT + UART_DLM);
        outb(UART_LCR_WLEN8, PORT + UART_LCR);
        outb(UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT, PORT + UART_FCR);
        outb(UART_MCR_DTR | UART_MCR_RTS, PORT + UART_MCR);
        while (inb(PORT + UART_LSR) & UART_LSR_DR)
                inb(PORT + UART_RX);
}

static int port_wait(u8 bit)
{
        unsigned long end = jiffies + TIMEOUT;
        unsigned int spins = 0;

        while (!(inb(PORT + UART_LSR) & bit)) {
                if (time_after(jiffies, end))
                        return -ETIMEDOUT;
                if (++spins > 100)
                        usleep_range(50, 200);
        }
        return 0;
}

static int port_write(const u8 *p, size_t n)
{
        while (n--) {
                if (port_wait(UART_LSR_THRE))
                        return -ETIMEDOUT;
                outb(*p++, PORT + UART_TX);
        }
        return 0;
}

static int port_read(u8 *p, size_t n)
{
        while (n--) {
                if (port_wait(UART_LSR_DR))
                        return -ETIMEDOUT;
                *p++ = inb(PORT + UART_RX);
        }
        return 0;
}

/* --- the firmware, as far as a guest sees it --- */

static int exchange(u32 code, const void *req, size_t size, struct answer *a)
{
        u8 message[8 + 96] = "SVRQ", head[16];
        int r;

        put_unaligned_le32(code, message + 4);
        memcpy(message + 8, req, size);
        port_init();
        r = port_write(message, sizeof(message));
        if (!r)
                r = port_read(head, sizeof(head));
        if (r)
                return r;
        a->status = get_unaligned_le32(head + 4);
        a->size = get_unaligned_le32(head + 8);
        a->certs_size = get_unaligned_le32(head + 12);
        if (memcmp(head, "SVAN", 4) || a->size > sizeof(a->body) ||
            a->certs_size > sizeof(a->certs))
                return -EPROTO;
        r = port_read(a->body, a->size);
        return r ? r : port_read(a->certs, a->certs_size);
}

static struct answer *ask(u32 code, const void *req, size_t size)
{
        struct answer *a = kzalloc(sizeof(*a), GFP_KERNEL);
        int r;

        if (!a)
                return ERR_PTR(-ENOMEM);
        mutex_lock(&lock);
        r = exchange(code, req, size, a);
        mutex_unlock(&lock);
        if (r) {
                pr_err("teesim: the signer does not answer (%d)\n", r);
                kfree(a);
                return ERR_PTR(r);
        }
        return a;
}

/* --- configfs-tsm, as drivers/virt/coco/sev-guest offers it --- */

static int report_new(struct tsm_report *report, void *data)
{
        struct snp_report_req req = {.vmpl = report->desc.privlevel};
        struct answer *a;
        int r = 0;

        if (report->desc.inblob_len != sizeof(req.user_data))
                return -EINVAL;
        memcpy(req.user_data, report->desc.inblob, sizeof(req.user_data));
        a = ask(0, &req, sizeof(req));
        if (IS_ERR(a))
                return PTR_ERR(a);
        if (a->status || a->size != REPORT_SIZE) {
                pr_err("teesim: report refused with status 0x%x\n", a->status);
                r = -EINVAL;
                goto out;
        }
        report->outblob = kvmemdup(a->body, a->size, GFP_KERNEL);
        report->auxblob = a->certs_size ? kvmemdup(a->certs, a->certs_size, GFP_KERNEL) : NULL;
        report->outblob_len = a->size;
        report->auxblob_len = a->certs_size;
        if (!report->outblob || (a->certs_size && !report->auxblob))
                r = -ENOMEM;
out:
        kfree(a);
        return r;
}

static bool attr_visible(int n)
{
        return n == TSM_REPORT_GENERATION || n == TSM_REPORT_PROVIDER ||
               n == TSM_REPORT_PRIVLEVEL || n == TSM_REPORT_PRIVLEVEL_FLOOR;
}

static bool bin_attr_visible(int n)
{
        return n == TSM_REPORT_INBLOB || n == TSM_REPORT_OUTBLOB || n == TSM_REPORT_AUXBLOB;
}

static const struct tsm_ops ops = {
        .name = "sev_guest",
        .report_new = report_new,
        .report_attr_visible = attr_visible,
        .report_bin_attr_visible = bin_attr_visible,
};

/* --- /dev/sev-guest --- */

static int give(u64 to, const struct answer *a, size_t room)
{
        u8 head[BODY_AT] = {0};

        if (a->size > room - BODY_AT)
                return -EIO;
        put_unaligned_le32(a->status, head);
        put_unaligned_le32(a->size, head + 4);
        if (clear_user(u64_to_user_ptr(to), room) ||
            copy_to_user(u64_to_user_ptr(to), head, sizeof(head)) ||
            copy_to_user(u64_to_user_ptr(to) + BODY_AT, a->body, a->size))
                return -EFAULT;
        return 0;
}

static long get_report(struct snp_guest_request_ioctl *io)
{
        struct snp_report_req req;
        struct answer *a;
        long r;

        if (copy_from_user(&req, u64_to_user_ptr(io->req_data), sizeof(req)))
                return -EFAULT;
        a = ask(0, &req, sizeof(req));
        if (IS_ERR(a))
                return PTR_ERR(a);
        r = give(io->resp_data, a, sizeof(struct snp_report_resp));
        kfree(a);
        return r;
}

static long get_ext_report(struct snp_guest_request_ioctl *io)
{
        struct snp_ext_report_req __user *ureq = u64_to_user_ptr(io->req_data);
        struct snp_ext_report_req req;
        struct answer *a;
        long r = 0;
        u32 need;

        if (copy_from_user(&req, ureq, sizeof(req)))
                return -EFAULT;
        if (req.certs_len > CERTS_MAX || !IS_ALIGNED(req.certs_len, PAGE_SIZE))
                return -EINVAL;
        a = ask(0, &req.data, sizeof(req.data));
        if (IS_ERR(a))
                return PTR_ERR(a);
        need = ALIGN(a->certs_size, PAGE_SIZE);
        if (need > req.certs_len) {
                io->vmm_error = SNP_GUEST_VMM_ERR_INVALID_LEN;
                r = put_user(need, &ureq->certs_len) ? -EFAULT : -ENOSPC;
        } else if (a->certs_size &&
                   copy_to_user(u64_to_user_ptr(req.certs_address), a->certs, a->certs_size)) {
                r = -EFAULT;
        } else {
                r = give(io->resp_data, a, sizeof(struct snp_report_resp));
        }
        kfree(a);
        return r;
}

static long get_key(struct snp_guest_request_ioctl *io)
{
        struct snp_derived_key_req req;
        struct answer *a;
        long r;

        if (copy_from_user(&req, u64_to_user_ptr(io->req_data), sizeof(req)))
                return -EFAULT;
        a = ask(1, &req, sizeof(req));
        if (IS_ERR(a))
                return PTR_ERR(a);
        if (a->size > KEY_SIZE)
                a->size = KEY_SIZE;
        r = give(io->resp_data, a, sizeof(struct snp_derived_key_resp));
        kfree_sensitive(a);
        return r;
}

static long device_ioctl(struct file *file, unsigned int code, unsigned long arg)
{
        struct snp_guest_request_ioctl __user *uio = (void __user *)arg;
        struct snp_guest_request_ioctl io;
        long r;

        if (copy_from_user(&io, uio, sizeof(io)))
                return -EFAULT;
        if (!io.msg_version)
                return -EINVAL;
        io.exitinfo2 = 0;
        if (code == SNP_GET_REPORT)
                r = get_report(&io);
        else if (code == SNP_GET_EXT_REPORT)
                r = get_ext_report(&io);
        else if (code == SNP_GET_DERIVED_KEY)
                r = get_key(&io);
        else
                r = -ENOTTY;
        if (copy_to_user(uio, &io, sizeof(io)))
                return -EFAULT;
        return r;
}

static const struct file_operations fops = {
        .owner = THIS_MODULE,
        .unlocked_ioctl = device_ioctl,
};

static struct miscdevice device = {
        .minor = MISC_DYNAMIC_MINOR,
        .name = "sev-guest",
        .fops = &fops,
};

/* --- the same for TDX, as drivers/virt/coco/tdx-guest offers it --- */

static int td_report_new(struct tsm_report *report, void *data)
{
        struct answer *a;
        int r = 0;

        if (report->desc.inblob_len != TDX_REPORTDATA_LEN)
                return -EINVAL;
        a = ask(0, report->desc.inblob, TDX_REPORTDATA_LEN);
        if (IS_ERR(a))
                return PTR_ERR(a);
        report->outblob = kvmemdup(a->body, a->size, GFP_KERNEL);
        report->outblob_len = a->size;
        if (!report->outblob)
                r = -ENOMEM;
        kfree(a);
        return r;
}

static bool td_attr_visible(int n)
{
        return n == TSM_REPORT_GENERATION || n == TSM_REPORT_PROVIDER;
}

static bool td_bin_attr_visible(int n)
{
        return n == TSM_REPORT_INBLOB || n == TSM_REPORT_OUTBLOB;
}

static const struct tsm_ops td_ops = {
        .name = "tdx_guest",
        .report_new = td_report_new,
        .report_attr_visible = td_attr_visible,
        .report_bin_attr_visible = td_bin_attr_visible,
};

static long td_ioctl(struct file *file, unsigned int code, unsigned long arg)
{
        struct tdx_report_req __user *req = (void __user *)arg;
        u8 data[TDX_REPORTDATA_LEN];
        struct answer *a;
        long r = 0;

        if (code != TDX_CMD_GET_REPORT0)
                return -ENOTTY;
        if (copy_from_user(data, req->reportdata, sizeof(data)))
                return -EFAULT;
        a = ask(3, data, sizeof(data));
        if (IS_ERR(a))
                return PTR_ERR(a);
        if (a->size != TDX_REPORT_LEN)
                r = -EIO;
        else if (copy_to_user(req->tdreport, a->body, TDX_REPORT_LEN))
                r = -EFAULT;
        kfree(a);
        return r;
}

static const struct file_operations td_fops = {
        .owner = THIS_MODULE,
        .unlocked_ioctl = td_ioctl,
};

static struct miscdevice td_device = {
        .minor = MISC_DYNAMIC_MINOR,
        .name = "tdx_guest",
        .fops = &td_fops,
};

/* --- which of the two --- */

#define DEVICE_ONLY "sev_guest/device"

static const struct tsm_ops *chosen_ops;
static struct miscdevice *chosen_device;

static int choose(void)
{
        struct answer *a = ask(2, "", 1);

        if (IS_ERR(a))
                return PTR_ERR(a);
        if (a->size == strlen(td_ops.name) && !memcmp(a->body, td_ops.name, a->size)) {
                chosen_ops = &td_ops;
                chosen_device = &td_device;
        } else {
                chosen_ops =
                        a->size == strlen(DEVICE_ONLY) && !memcmp(a->body, DEVICE_ONLY, a->size)
                                ? NULL
                                : &ops;
                chosen_device = &device;
        }
        kfree(a);
        return 0;
}

static int __init teesim_init(void)
{
        int r = choose();

        if (r)
                return r;
        r = misc_register(chosen_device);
        if (r)
                return r;
        r = chosen_ops ? tsm_register(chosen_ops, NULL) : 0;
        if (r)
                misc_deregister(chosen_device);
        return r;
}
module_init(teesim_init);

static void __exit teesim_exit(void)
{
        if (chosen_ops)
                tsm_unregister(chosen_ops);
        misc_deregister(chosen_device);
}
module_exit(teesim_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Test only: SEV-SNP's and TDX's guest interfaces in front of a test's signer");
