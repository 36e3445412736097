#!/usr/bin/env python3
"""The spike detector as a second pair of hands wrote it, from the equations: what pkg/spike must agree with.

usage: spike_reference.py SEED STEPS P0 P1 FROM      (season off, misfit fixed at 5 %, A = 30 days)
A stream of single responses, about one a minute; the rate is P0, and P1 in the second half of every FROM responses. One line a step:
at_ms x sum S E q event     event: 0 nothing, 1 raised, 2 resolved
"""
import math, sys

RHO = (1.4, 2.2, 4.0, 12.0)
K = 4
A, NMIN, ALPHA, TAU, TAU_MAX, SMEM, SM2 = 30.0, 500.0, 4.0, 7.0, 60.0, 300.0, .0025
ZCAP, LAM, DMIN, ZG, BACKOFF, B, NB, KR, ZR, RHO_RES, BASE = 2.5, 3.0, 0.0, 3.0, 4.0, 14.0, 500.0, .75, 2.0, 1.4, .15


def tilt(q, r):
    return min(r * q / (1 + q * (r - 1)), 0.98)


def clip(q):
    return min(max(q, 1e-4), 0.95)


class Detector:
    def __init__(self):
        self.t, self.hour, self.S, self.E, self.Aeff, self.commits = 0.0, 0, 0.0, 0.0, A, 0
        self.clear()
        self.refresh()

    def clear(self):
        self.alert = False
        self.R, self.W, self.n, self.k = [0.0] * K, [1.0] * K, [0] * K, [0] * K
        self.s = self.e = 0.0
        self.pending = 0

    def refresh(self):
        m = (ALPHA + self.S) / (ALPHA + self.E)
        self.q = clip(BASE * m)
        self.C = 1 / (1 / (ALPHA + self.S) + SM2)
        self.cap = math.exp(ZCAP / math.sqrt(self.C))
        self.P = [tilt(self.q, r) for r in RHO]
        if self.alert:
            self.pe = tilt(self.q, self.rho_e)

    def roll(self, hour):
        for _ in range(hour - self.hour):
            self.Aeff = A + (self.Aeff - A) * math.exp(-1 / 24.0 / A)
            if not self.alert:
                g = math.exp(-1 / 24.0 / (TAU if self.S > SMEM else TAU_MAX))
                self.S *= g
                self.E *= g
        self.hour = hour
        self.refresh()

    def level(self):
        r = max(1.0, (self.sa - ZR * math.sqrt(self.sa)) / self.ea)
        p = clip(self.q * r)
        self.rho_e = max(RHO_RES, (p * (1 - self.q) / (self.q * (1 - p))) ** KR)

    def learn(self, k, e):
        m = (ALPHA + self.S) / (ALPHA + self.E)
        self.S += k
        self.E += e / m

    def raised(self):
        best = max(range(K), key=lambda j: self.R[j])
        d = max(DMIN, ZG * math.sqrt(SM2))
        qd, n, k = clip(self.q * (1 + d)), self.n[best], self.k[best]
        if k - n * qd < 2 * math.sqrt(n * qd * (1 - qd)):
            return False
        self.Aeff *= BACKOFF
        self.alert = True
        self.na, self.sa, self.ea = n, float(k), self.q * n
        self.V, self.vc, self.sv, self.ev, self.nv = 0.0, 1.0, 0.0, 0.0, 0
        self.level()
        self.refresh()
        return True

    def normal(self, dt, x):
        q0 = min(self.q * min((self.C + self.s) / (self.C + self.e), self.cap), 0.95)
        mu = min(dt, A / NMIN)
        for j in range(K):
            f = self.P[j] / q0 if x else (1 - self.P[j]) / (1 - q0)
            self.R[j] = (self.R[j] + mu / K) * f
            self.W[j] *= f
            self.n[j] += 1
            self.k[j] += x
            if self.W[j] <= 1:
                self.W[j], self.n[j], self.k[j] = 1.0, 0, 0
        self.s += x
        self.e += self.q
        self.pending += 1
        self.sum = sum(self.R)
        if self.sum >= self.Aeff and self.raised():
            return 1
        renewed = self.n[0] == 0
        if renewed or self.s > LAM * self.C + 1:
            self.learn(self.s, self.e)
            self.s = self.e = 0.0
            self.commits += 1
            if self.commits % 16 == 0 or not renewed:
                self.refresh()
        return 0

    def incident(self, dt, x):
        f = self.q / self.pe if x else (1 - self.q) / (1 - self.pe)
        self.V = (self.V + min(dt / B, 1 / NB)) * f
        self.vc *= f
        self.sv += x
        self.ev += self.q
        self.nv += 1
        self.sum = self.V
        if self.vc <= 1:
            self.vc = 1.0
            self.na += self.nv
            self.sa += self.sv
            self.ea += self.ev
            self.sv, self.ev, self.nv = 0.0, 0.0, 0
            if self.na % 16 == 0:
                self.level()
                self.pe = tilt(self.q, self.rho_e)
        if self.V < 1:
            return 0
        self.learn(self.sv, self.ev)
        self.clear()
        self.refresh()
        return 2

    def step(self, t, hour, x):
        dt = max(0.0, t - self.t)
        self.t = t
        if hour != self.hour:
            self.roll(hour)
        return self.incident(dt, x) if self.alert else self.normal(dt, x)


def main():
    z, steps, p0, p1, every = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
    detector, at_ms = Detector(), 0

    def draw():
        nonlocal z
        z = (z * 6364136223846793005 + 1442695040888963407) & ((1 << 64) - 1)
        return (z >> 11) * 2.0 ** -53

    for i in range(steps):
        gap = draw()
        at_ms += int(600000 * gap ** 4) if draw() < .999 else int(4e7 * gap)
        x = 1 if draw() < (p1 if i % every >= every // 2 else p0) else 0
        event = detector.step(at_ms / 86400000, at_ms // 3600000, x)
        print(at_ms, x, *(repr(v) for v in (detector.sum, detector.S, detector.E, detector.q)), event)


if __name__ == "__main__":
    main()
